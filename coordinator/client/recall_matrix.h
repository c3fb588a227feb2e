// Recall of every phase's model on every probe set, and what follows from it:
// forgetting, backward and forward transfer. Pure; thread-safe.
#ifndef KEEL_COORDINATOR_CLIENT_RECALL_MATRIX_H_
#define KEEL_COORDINATOR_CLIENT_RECALL_MATRIX_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keel/v1/phase.pb.h"

namespace keel {

enum class RecallDirection { kMean, kImageToText, kTextToImage };

// The ratio of one measurement. `k` is 1, 5 or 10.
double RecallValue(const v1::Recall& recall, int k, RecallDirection direction);

// Rows are checkpoints, 0 the initial one, never trained further; columns are
// probe sets. Cells that were not measured are empty.
struct RecallMatrix {
  struct Column {
    std::string probe;
    int64_t sample_count = 0;
    // Phase that trained the probe's domain; 0: the initial checkpoint knows
    // it already; empty: unknown.
    std::optional<int> origin;
    // Best earlier value less the last one: above 0 is lost. Empty with fewer
    // than two values.
    std::optional<double> forgetting;
    // Last value less the one right after `origin`. Empty while origin is the
    // last row, and where a value is missing.
    std::optional<double> backward_transfer;
    // Value right before `origin` less the initial one: what other domains
    // taught. Empty for origins 0 and 1.
    std::optional<double> forward_transfer;
  };
  std::vector<int> phases;
  std::vector<Column> columns;
  // [row][column]
  std::vector<std::vector<std::optional<double>>> cells;
  // Mean of each row over the columns that it has.
  std::vector<std::optional<double>> means;
  // Means over the columns that have them; that of forgetting leaves out the
  // domain of the last phase.
  std::optional<double> forgetting;
  std::optional<double> backward_transfer;
  std::optional<double> forward_transfer;
};

// `origins` names the phase of a probe's domain; probes that are not in it and
// are called "phase-N" have origin N. Columns are in order of their origins,
// then of their names.
RecallMatrix BuildRecallMatrix(const std::vector<v1::Recall>& recalls, int k,
                               RecallDirection direction,
                               const std::map<std::string, int>& origins);

// For a terminal; values in percent.
std::string RecallTable(const RecallMatrix& matrix);
// Everything, ratios of 0 to 1; `recalls` are the raw measurements.
std::string RecallJson(const RecallMatrix& matrix,
                       const std::vector<v1::Recall>& recalls, int k,
                       const std::string& direction);

// "PROBE=PHASE" items. INVALID_ARGUMENT: another form.
absl::StatusOr<std::map<std::string, int>> ParseOrigins(
    const std::vector<std::string>& items);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_RECALL_MATRIX_H_
