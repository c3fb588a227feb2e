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

// Means over the cells of checkpoints and probe sets that have a phase
// (TiC-CLIP, Garg et al. 2024): of a checkpoint's own domain, of those before
// and of those after it. Empty where no such cell is measured.
struct TimeContinual {
  std::optional<double> in_domain;
  std::optional<double> backward;
  std::optional<double> forward;
};

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
  TimeContinual time_continual;
  // The first row that was trained: what a model that stands still scores.
  std::optional<int> frozen;
};

// `origins` names the phase of a probe's domain, before what the recall says of
// it. Columns are in order of their origins, then of their names.
// `first_trained`: 0 if the initial checkpoint was uploaded, 1 if it is random;
// rows before it are not in time_continual.
RecallMatrix BuildRecallMatrix(const std::vector<v1::Recall>& recalls, int k,
                               RecallDirection direction,
                               const std::map<std::string, int>& origins,
                               int first_trained = 1);

// What a matrix comes to, for one direction and k.
struct RecallSummary {
  std::string direction;
  int k = 5;
  std::optional<double> forgetting;
  TimeContinual time_continual;
};
// For all three directions and k = 1, 5, 10.
std::vector<RecallSummary> SummarizeRecalls(
    const std::vector<v1::Recall>& recalls,
    const std::map<std::string, int>& origins, int first_trained);

// For a terminal; values in percent.
std::string RecallTable(const RecallMatrix& matrix);
// One row for each summary, in percent.
std::string RecallSummaryTable(const std::vector<RecallSummary>& summaries);
// One row for each measurement: all that the matrix leaves out.
std::string RecallDetailTable(const std::vector<v1::Recall>& recalls);
// Everything, ratios of 0 to 1; `recalls` are the raw measurements.
std::string RecallJson(const RecallMatrix& matrix,
                       const std::vector<v1::Recall>& recalls,
                       const std::vector<RecallSummary>& summaries, int k,
                       const std::string& direction);
// The measurements of checkpoint `phase`, as JSON: keel_report.json.
std::string RecallReport(const std::string& stream, int phase,
                         const std::vector<v1::Recall>& recalls);

// "PROBE=PHASE" items. INVALID_ARGUMENT: another form.
absl::StatusOr<std::map<std::string, int>> ParseOrigins(
    const std::vector<std::string>& items);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_RECALL_MATRIX_H_
