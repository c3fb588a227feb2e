// Where the right matches stand among all.
#ifndef KEEL_WORKER_DRIFT_MATCH_RANKS_H_
#define KEEL_WORKER_DRIFT_MATCH_RANKS_H_

#include <ATen/ATen.h>

#include <functional>

#include "absl/status/statusor.h"
#include "worker/drift/recall.h"

namespace keel {

// Cosines that differ by no more are tied.
inline constexpr double kTieTolerance = 1e-6;

// From 1; int64.
struct MatchRanks {
  at::Tensor image;  // [N]
  at::Tensor text;   // [M]
};

// Ranks as recall.h defines them. `unit`: float64 on the CPU, rows of unit
// length. Holds a block of the table of cosines at a time. CANCELLED:
// `stopped` said true.
absl::StatusOr<MatchRanks> RankMatches(const CaptionedEmbeddings& unit,
                                       const std::function<bool()>& stopped);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_MATCH_RANKS_H_
