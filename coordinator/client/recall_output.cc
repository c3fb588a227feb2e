#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/client/output.h"
#include "coordinator/client/recall_matrix.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

using Json = nlohmann::ordered_json;

std::string Percent(const std::optional<double>& value) {
  return value ? FormatPercent(*value) : "-";
}

Json OrNull(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// A row of the table that is read off the columns.
void AddSummary(const RecallMatrix& matrix, const std::string& label,
                std::optional<double> RecallMatrix::Column::*field,
                const std::optional<double>& mean, Table& table) {
  if (!mean) return;
  std::vector<std::string> cells{label};
  for (const RecallMatrix::Column& column : matrix.columns) {
    cells.push_back(Percent(column.*field));
  }
  cells.push_back(Percent(mean));
  table.AddRow(std::move(cells));
}

Json ColumnJson(const RecallMatrix::Column& column) {
  Json json;
  json["probe"] = column.probe;
  json["sample_count"] = column.sample_count;
  json["origin"] = column.origin ? Json(*column.origin) : Json(nullptr);
  json["forgetting"] = OrNull(column.forgetting);
  json["backward_transfer"] = OrNull(column.backward_transfer);
  json["forward_transfer"] = OrNull(column.forward_transfer);
  return json;
}

Json RowJson(const RecallMatrix& matrix, size_t row) {
  Json values = Json::object();
  for (size_t i = 0; i < matrix.columns.size(); ++i) {
    values[matrix.columns[i].probe] = OrNull(matrix.cells[row][i]);
  }
  Json json;
  json["checkpoint"] = matrix.phases[row];
  json["values"] = std::move(values);
  json["mean"] = OrNull(matrix.means[row]);
  return json;
}

Json MeasurementJson(const v1::Recall& recall) {
  Json json;
  json["checkpoint"] = recall.phase();
  json["probe"] = recall.probe();
  json["sample_count"] = recall.sample_count();
  json["image_to_text"] = {{"1", recall.image_to_text_r1()},
                           {"5", recall.image_to_text_r5()},
                           {"10", recall.image_to_text_r10()}};
  json["text_to_image"] = {{"1", recall.text_to_image_r1()},
                           {"5", recall.text_to_image_r5()},
                           {"10", recall.text_to_image_r10()}};
  return json;
}

}  // namespace

std::string RecallTable(const RecallMatrix& matrix) {
  std::vector<std::string> header{"checkpoint"};
  for (const RecallMatrix::Column& column : matrix.columns) {
    header.push_back(absl::StrCat(">", column.probe));
  }
  header.push_back(">mean");
  Table table(std::move(header));
  for (size_t row = 0; row < matrix.phases.size(); ++row) {
    std::vector<std::string> cells{absl::StrCat(
        "@", matrix.phases[row],
        matrix.phases[row] == 0 ? " (initial, never trained further)" : "")};
    for (const auto& value : matrix.cells[row]) cells.push_back(Percent(value));
    cells.push_back(Percent(matrix.means[row]));
    table.AddRow(std::move(cells));
  }
  AddSummary(matrix, "forgetting", &RecallMatrix::Column::forgetting,
             matrix.forgetting, table);
  AddSummary(matrix, "backward transfer",
             &RecallMatrix::Column::backward_transfer, matrix.backward_transfer,
             table);
  AddSummary(matrix, "forward transfer",
             &RecallMatrix::Column::forward_transfer, matrix.forward_transfer,
             table);
  return table.ToString();
}

std::string RecallJson(const RecallMatrix& matrix,
                       const std::vector<v1::Recall>& recalls, int k,
                       const std::string& direction) {
  Json json;
  json["k"] = k;
  json["direction"] = direction;
  json["probes"] = Json::array();
  for (const auto& column : matrix.columns) {
    json["probes"].push_back(ColumnJson(column));
  }
  json["rows"] = Json::array();
  for (size_t row = 0; row < matrix.phases.size(); ++row) {
    json["rows"].push_back(RowJson(matrix, row));
  }
  json["forgetting"] = OrNull(matrix.forgetting);
  json["backward_transfer"] = OrNull(matrix.backward_transfer);
  json["forward_transfer"] = OrNull(matrix.forward_transfer);
  json["measurements"] = Json::array();
  for (const v1::Recall& recall : recalls) {
    json["measurements"].push_back(MeasurementJson(recall));
  }
  return json.dump(2);
}

}  // namespace keel
