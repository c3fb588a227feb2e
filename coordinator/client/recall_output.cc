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

std::string RowLabel(const RecallMatrix& matrix, int phase) {
  if (phase == 0) return "@0 (initial, never trained further)";
  return absl::StrCat("@", phase, phase == matrix.frozen ? " (first)" : "");
}

std::string Percents(double a, double b, double c) {
  return absl::StrCat(FormatPercent(a), " ", FormatPercent(b), " ",
                      FormatPercent(c));
}

std::string Numbers(double a, double b) {
  return absl::StrCat(FormatNumber(a, 1), " / ", FormatNumber(b, 1));
}

double PooledAtFive(const v1::Recall& recall) {
  return (recall.pooled_image_to_text_r5() + recall.pooled_text_to_image_r5()) /
         2;
}

Json TimeContinualJson(const TimeContinual& means) {
  Json json;
  json["in_domain"] = OrNull(means.in_domain);
  json["backward"] = OrNull(means.backward);
  json["forward"] = OrNull(means.forward);
  return json;
}

Json SummaryJson(const RecallSummary& summary) {
  Json json = TimeContinualJson(summary.time_continual);
  json["direction"] = summary.direction;
  json["k"] = summary.k;
  json["forgetting"] = OrNull(summary.forgetting);
  return json;
}

// What only newer workers measure.
void AddDetails(const v1::Recall& recall, Json& json) {
  if (recall.caption_count() == 0) return;
  json["caption_count"] = recall.caption_count();
  json["median_rank"] = {{"image_to_text", recall.image_to_text_median_rank()},
                         {"text_to_image", recall.text_to_image_median_rank()}};
  json["mean_rank"] = {{"image_to_text", recall.image_to_text_mean_rank()},
                       {"text_to_image", recall.text_to_image_mean_rank()}};
  json["r5_interval"] = {recall.r5_low(), recall.r5_high()};
  json["modality_gap"] = recall.modality_gap();
  json["effective_rank"] = {{"image", recall.effective_rank_image()},
                            {"text", recall.effective_rank_text()}};
  if (recall.pool_sample_count() == 0) return;
  Json pooled;
  pooled["sample_count"] = recall.pool_sample_count();
  pooled["image_to_text"] = {{"1", recall.pooled_image_to_text_r1()},
                             {"5", recall.pooled_image_to_text_r5()},
                             {"10", recall.pooled_image_to_text_r10()}};
  pooled["text_to_image"] = {{"1", recall.pooled_text_to_image_r1()},
                             {"5", recall.pooled_text_to_image_r5()},
                             {"10", recall.pooled_text_to_image_r10()}};
  json["pooled"] = std::move(pooled);
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
  AddDetails(recall, json);
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
    std::vector<std::string> cells{RowLabel(matrix, matrix.phases[row])};
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

std::string RecallSummaryTable(const std::vector<RecallSummary>& summaries) {
  Table table({"direction", ">k", ">in-domain", ">backward", ">forward",
               ">forgetting"});
  for (const RecallSummary& summary : summaries) {
    table.AddRow({summary.direction, absl::StrCat(summary.k),
                  Percent(summary.time_continual.in_domain),
                  Percent(summary.time_continual.backward),
                  Percent(summary.time_continual.forward),
                  Percent(summary.forgetting)});
  }
  return table.ToString();
}

std::string RecallDetailTable(const std::vector<v1::Recall>& recalls) {
  Table table({"checkpoint", "probe", ">images", ">captions", ">i-t R@1 5 10",
               ">t-i R@1 5 10", ">R@5 95 %", ">median rank i-t / t-i",
               ">mean rank i-t / t-i", ">pooled R@5 (of)", ">gap",
               ">effective rank i / t"});
  for (const v1::Recall& recall : recalls) {
    std::vector<std::string> row{
        absl::StrCat("@", recall.phase()),
        recall.probe(),
        FormatCount(recall.sample_count()),
        "-",
        Percents(recall.image_to_text_r1(), recall.image_to_text_r5(),
                 recall.image_to_text_r10()),
        Percents(recall.text_to_image_r1(), recall.text_to_image_r5(),
                 recall.text_to_image_r10())};
    if (recall.caption_count() > 0) {
      row[3] = FormatCount(recall.caption_count());
      row.push_back(absl::StrCat(FormatPercent(recall.r5_low()), "-",
                                 FormatPercent(recall.r5_high())));
      row.push_back(Numbers(recall.image_to_text_median_rank(),
                            recall.text_to_image_median_rank()));
      row.push_back(Numbers(recall.image_to_text_mean_rank(),
                            recall.text_to_image_mean_rank()));
      row.push_back(
          recall.pool_sample_count() == 0
              ? "-"
              : absl::StrCat(FormatPercent(PooledAtFive(recall)), " (",
                             FormatCount(recall.pool_sample_count()), ")"));
      row.push_back(FormatNumber(recall.modality_gap(), 3));
      row.push_back(
          Numbers(recall.effective_rank_image(), recall.effective_rank_text()));
    }
    table.AddRow(std::move(row));
  }
  return table.ToString();
}

std::string RecallReport(const std::string& stream, int phase,
                         const std::vector<v1::Recall>& recalls) {
  Json json;
  json["stream"] = stream;
  json["checkpoint"] = phase;
  json["measurements"] = Json::array();
  for (const v1::Recall& recall : recalls) {
    if (recall.phase() == phase) {
      json["measurements"].push_back(MeasurementJson(recall));
    }
  }
  return json.dump(2) + "\n";
}

std::string RecallJson(const RecallMatrix& matrix,
                       const std::vector<v1::Recall>& recalls,
                       const std::vector<RecallSummary>& summaries, int k,
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
  json["frozen"] = matrix.frozen ? Json(*matrix.frozen) : Json(nullptr);
  json["time_continual"] = TimeContinualJson(matrix.time_continual);
  json["summaries"] = Json::array();
  for (const RecallSummary& summary : summaries) {
    json["summaries"].push_back(SummaryJson(summary));
  }
  json["measurements"] = Json::array();
  for (const v1::Recall& recall : recalls) {
    json["measurements"].push_back(MeasurementJson(recall));
  }
  return json.dump(2);
}

}  // namespace keel
