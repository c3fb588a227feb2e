#include "tests/common/metrics/metrics_document.h"

#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/metrics/names.h"

namespace keel {
namespace {

constexpr std::string_view kEnd = "<!-- end of table -->";

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "";
}

std::string Row(const MetricSpec& spec) {
  std::string labels;
  for (std::string_view label : spec.labels) {
    if (!labels.empty()) labels += ", ";
    labels += label;
  }
  std::string row = "| `";
  row.append(spec.name).append("` | ").append(KindName(spec.kind));
  row.append(" | ").append(labels).append(labels.empty() ? "| " : " | ");
  return row.append(spec.help).append(" |\n");
}

std::string Markdown(const std::vector<MetricSpec>& table) {
  std::string text = "| name | kind | labels | meaning |\n";
  text += "| --- | --- | --- | --- |\n";
  for (const MetricSpec& spec : table) text += Row(spec);
  return text;
}

}  // namespace

absl::StatusOr<std::string> WithTables(const std::string& document) {
  const std::pair<std::string, const std::vector<MetricSpec>&> tables[] = {
      {"coordinator", CoordinatorOwnMetrics()},
      {"worker", WorkerOwnMetrics()},
      {"evaluation", EvaluationMetrics()}};
  std::string result = document;
  for (const auto& [name, table] : tables) {
    const std::string mark = absl::StrCat("<!-- table ", name, " -->\n");
    const size_t begin = result.find(mark);
    const size_t end = begin == result.npos ? begin : result.find(kEnd, begin);
    if (end == result.npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("no place for the table ", name));
    }
    const size_t first = begin + mark.size();
    result.replace(first, end - first, Markdown(table));
  }
  return result;
}

}  // namespace keel
