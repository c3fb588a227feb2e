#include "coordinator/client/eval_table.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coordinator/client/output.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

using EvalJson = nlohmann::json;
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string Percent(const EvalJson& ratio) {
  return absl::StrCat(FormatPercent(ratio.get<double>()), " %");
}

std::string AtCutoffs(const EvalJson& recall) {
  return absl::StrCat(Percent(recall.at("1")), ", ", Percent(recall.at("5")),
                      ", ", Percent(recall.at("10")));
}

std::string Pair(const EvalJson& pair, const char* first, const char* second) {
  return absl::StrCat(FormatNumber(pair.at(first).get<double>(), 1), ", ",
                      FormatNumber(pair.at(second).get<double>(), 1));
}

void AddRetrieval(const EvalJson& json, Fields& fields) {
  const char* const directions[] = {"image_to_text", "text_to_image"};
  fields.emplace_back("images", FormatCount(json.at("images").get<int64_t>()));
  fields.emplace_back("captions",
                      FormatCount(json.at("captions").get<int64_t>()));
  fields.emplace_back("image to text, R@1 5 10",
                      AtCutoffs(json.at(directions[0])));
  fields.emplace_back("text to image, R@1 5 10",
                      AtCutoffs(json.at(directions[1])));
  fields.emplace_back(
      "mean R@5, 95 % interval",
      absl::StrCat(Percent(json.at("r5_interval").at(0)), " to ",
                   Percent(json.at("r5_interval").at(1))));
  fields.emplace_back(
      "median rank, both ways",
      Pair(json.at("median_rank"), directions[0], directions[1]));
  fields.emplace_back("mean rank, both ways",
                      Pair(json.at("mean_rank"), directions[0], directions[1]));
  fields.emplace_back("modality gap",
                      FormatNumber(json.at("modality_gap").get<double>(), 3));
  fields.emplace_back("effective rank, image, text",
                      Pair(json.at("effective_rank"), "image", "text"));
}

void AddAccuracy(const std::string& name, const EvalJson& json,
                 Fields& fields) {
  fields.emplace_back(
      name,
      absl::StrCat(FormatCount(json.at("images").get<int64_t>()), " images, ",
                   FormatCount(json.at("classes").get<int64_t>()), " classes"));
  fields.emplace_back("  top-1", Percent(json.at("top1")));
  fields.emplace_back("  top-5", Percent(json.at("top5")));
  fields.emplace_back("  mean of classes", Percent(json.at("mean_per_class")));
}

}  // namespace

absl::StatusOr<std::string> EvalTable(const std::string& json) {
  try {
    const EvalJson parsed = EvalJson::parse(json);
    Fields fields;
    if (parsed.contains("retrieval")) {
      AddRetrieval(parsed["retrieval"], fields);
    }
    if (parsed.contains("zero_shot")) {
      AddAccuracy("zero-shot", parsed["zero_shot"], fields);
    }
    if (parsed.contains("linear_probe")) {
      AddAccuracy("linear probe", parsed["linear_probe"], fields);
    }
    return FieldList(fields);
  } catch (const EvalJson::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a result of keel-worker eval: ", error.what()));
  }
}

}  // namespace keel
