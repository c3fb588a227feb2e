// Spatial disorder per phase and probe set, as tables. Pure; thread-safe.
#ifndef KEEL_COORDINATOR_CLIENT_DRIFT_TABLE_H_
#define KEEL_COORDINATOR_CLIENT_DRIFT_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keel/v1/phase.pb.h"

namespace keel {

// Upper edges of bins, in whole degrees, growing, 1 to 180; "5,10,20" means
// [0, 5), [5, 10), [10, 20), [20, 180]. INVALID_ARGUMENT: other texts.
absl::StatusOr<std::vector<int>> ParseBins(const std::string& text);

// Share of `counts` (bins of one degree) in each bin of `edges`, and behind
// the last edge; empty if there are no counts.
std::vector<double> BinShares(const std::vector<int64_t>& counts,
                              const std::vector<int>& edges);

// Means of the measures in degrees, one row per phase, reference and probe.
// `deviation` stands beside its floor, with a '?' where it is unreliable.
std::string DriftTable(const std::vector<v1::Drift>& drifts);
// Shares in percent, one row per phase, reference, probe and measure; of the
// measures those whose name begins with `prefix`.
std::string DriftBinTable(const std::vector<v1::Drift>& drifts,
                          const std::vector<int>& edges,
                          const std::string& prefix = "");

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_DRIFT_TABLE_H_
