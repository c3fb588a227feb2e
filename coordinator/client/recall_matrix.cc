#include "coordinator/client/recall_matrix.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace keel {
namespace {

using Values = std::vector<std::optional<double>>;

std::optional<double> Mean(const Values& values) {
  double sum = 0;
  int count = 0;
  for (const auto& value : values) {
    if (!value) continue;
    sum += *value;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

std::optional<double> Difference(std::optional<double> a,
                                 std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a - *b;
}

std::optional<int> OriginOf(const v1::Recall& recall,
                            const std::map<std::string, int>& origins) {
  const auto found = origins.find(recall.probe());
  if (found != origins.end()) return found->second;
  if (recall.has_origin()) return recall.origin();
  return std::nullopt;
}

// One column's values by phase.
class ColumnValues {
 public:
  ColumnValues(const RecallMatrix& matrix, size_t column)
      : matrix_(matrix), column_(column) {}

  std::optional<double> At(int phase) const {
    const auto& phases = matrix_.phases;
    const auto found = std::find(phases.begin(), phases.end(), phase);
    if (found == phases.end()) return std::nullopt;
    return matrix_.cells[found - phases.begin()][column_];
  }
  // The newest row's.
  std::optional<double> Last() const { return At(matrix_.phases.back()); }
  std::optional<double> BestBeforeLast() const {
    std::optional<double> best;
    for (size_t row = 0; row + 1 < matrix_.phases.size(); ++row) {
      const auto& value = matrix_.cells[row][column_];
      if (value && (!best || *value > *best)) best = value;
    }
    return best;
  }
  // That of the last row before `phase`.
  std::optional<double> Before(int phase) const {
    std::optional<double> value;
    for (size_t row = 0; row < matrix_.phases.size(); ++row) {
      if (matrix_.phases[row] < phase) value = matrix_.cells[row][column_];
    }
    return value;
  }

 private:
  const RecallMatrix& matrix_;
  const size_t column_;
};

void Summarize(const RecallMatrix& matrix, size_t index,
               RecallMatrix::Column& column) {
  const ColumnValues values(matrix, index);
  column.forgetting = Difference(values.BestBeforeLast(), values.Last());
  if (!column.origin) return;
  const int origin = *column.origin;
  if (origin < matrix.phases.back()) {
    column.backward_transfer = Difference(values.Last(), values.At(origin));
  }
  if (origin > 1) {
    column.forward_transfer = Difference(values.Before(origin), values.At(0));
  }
}

TimeContinual MeansOverTime(const RecallMatrix& matrix, int first_trained) {
  Values in_domain, backward, forward;
  for (size_t row = 0; row < matrix.phases.size(); ++row) {
    const int phase = matrix.phases[row];
    if (phase < first_trained) continue;
    for (size_t i = 0; i < matrix.columns.size(); ++i) {
      const std::optional<int>& origin = matrix.columns[i].origin;
      if (!origin || *origin < first_trained) continue;
      (phase == *origin  ? in_domain
       : phase > *origin ? backward
                         : forward)
          .push_back(matrix.cells[row][i]);
    }
  }
  return {Mean(in_domain), Mean(backward), Mean(forward)};
}

void AddRowsAndColumns(const std::vector<v1::Recall>& recalls,
                       const std::map<std::string, int>& origins,
                       RecallMatrix& matrix) {
  std::set<int> phases;
  std::map<std::string, const v1::Recall*> probes;
  for (const v1::Recall& recall : recalls) {
    phases.insert(recall.phase());
    probes[recall.probe()] = &recall;
  }
  matrix.phases.assign(phases.begin(), phases.end());
  for (const auto& [probe, recall] : probes) {
    matrix.columns.push_back(
        {probe, recall->sample_count(), OriginOf(*recall, origins)});
  }
  const auto key = [](const RecallMatrix::Column& column) {
    return column.origin.value_or(std::numeric_limits<int>::max());
  };
  std::stable_sort(
      matrix.columns.begin(), matrix.columns.end(),
      [&](const auto& a, const auto& b) { return key(a) < key(b); });
  matrix.cells.assign(matrix.phases.size(), Values(matrix.columns.size()));
}

}  // namespace

double RecallValue(const v1::Recall& recall, int k, RecallDirection direction) {
  const double image_to_text = k == 1   ? recall.image_to_text_r1()
                               : k == 5 ? recall.image_to_text_r5()
                                        : recall.image_to_text_r10();
  const double text_to_image = k == 1   ? recall.text_to_image_r1()
                               : k == 5 ? recall.text_to_image_r5()
                                        : recall.text_to_image_r10();
  switch (direction) {
    case RecallDirection::kImageToText:
      return image_to_text;
    case RecallDirection::kTextToImage:
      return text_to_image;
    case RecallDirection::kMean:
      break;
  }
  return (image_to_text + text_to_image) / 2;
}

RecallMatrix BuildRecallMatrix(const std::vector<v1::Recall>& recalls, int k,
                               RecallDirection direction,
                               const std::map<std::string, int>& origins,
                               int first_trained) {
  RecallMatrix matrix;
  if (recalls.empty()) return matrix;
  AddRowsAndColumns(recalls, origins, matrix);
  std::map<std::string, size_t> column_of;
  for (size_t i = 0; i < matrix.columns.size(); ++i) {
    column_of[matrix.columns[i].probe] = i;
  }
  for (const v1::Recall& recall : recalls) {
    const auto row = std::lower_bound(matrix.phases.begin(),
                                      matrix.phases.end(), recall.phase());
    matrix.cells[row - matrix.phases.begin()][column_of[recall.probe()]] =
        RecallValue(recall, k, direction);
  }
  Values forgetting, backward, forward;
  for (size_t i = 0; i < matrix.columns.size(); ++i) {
    RecallMatrix::Column& column = matrix.columns[i];
    Summarize(matrix, i, column);
    // What the last phase has just learned cannot be forgotten yet.
    if (column.origin != matrix.phases.back()) {
      forgetting.push_back(column.forgetting);
    }
    backward.push_back(column.backward_transfer);
    forward.push_back(column.forward_transfer);
  }
  for (const Values& row : matrix.cells) matrix.means.push_back(Mean(row));
  matrix.forgetting = Mean(forgetting);
  matrix.backward_transfer = Mean(backward);
  matrix.forward_transfer = Mean(forward);
  matrix.time_continual = MeansOverTime(matrix, first_trained);
  const auto first = std::lower_bound(matrix.phases.begin(),
                                      matrix.phases.end(), first_trained);
  if (first != matrix.phases.end()) matrix.frozen = *first;
  return matrix;
}

std::vector<RecallSummary> SummarizeRecalls(
    const std::vector<v1::Recall>& recalls,
    const std::map<std::string, int>& origins, int first_trained) {
  const std::pair<const char*, RecallDirection> directions[] = {
      {"mean", RecallDirection::kMean},
      {"image-to-text", RecallDirection::kImageToText},
      {"text-to-image", RecallDirection::kTextToImage}};
  std::vector<RecallSummary> summaries;
  for (const auto& [name, direction] : directions) {
    for (int k : {1, 5, 10}) {
      const RecallMatrix matrix =
          BuildRecallMatrix(recalls, k, direction, origins, first_trained);
      summaries.push_back({name, k, matrix.forgetting, matrix.time_continual});
    }
  }
  return summaries;
}

absl::StatusOr<std::map<std::string, int>> ParseOrigins(
    const std::vector<std::string>& items) {
  std::map<std::string, int> origins;
  for (const std::string& item : items) {
    const size_t place = item.rfind('=');
    int phase = 0;
    if (place == std::string::npos || place == 0 ||
        !absl::SimpleAtoi(item.substr(place + 1), &phase) || phase < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--origin takes PROBE=PHASE, such as birds=2, got '", item, "'"));
    }
    origins[item.substr(0, place)] = phase;
  }
  return origins;
}

}  // namespace keel
