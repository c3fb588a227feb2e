#include "worker/checkpoint/manifest.h"

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "common/model/open_clip_config.h"
#include "common/sha256.h"

namespace keel {
namespace {

using Json = nlohmann::json;

const char* ReductionName(KlReduction reduction) {
  switch (reduction) {
    case KlReduction::kBatchInvariant:
      return "batch_invariant";
    case KlReduction::kSum:
      return "sum";
    case KlReduction::kMean:
      return "mean";
    case KlReduction::kKeptRows:
      return "kept_rows";
  }
  return "";
}

const char* ScreeningName(Screening screening) {
  switch (screening) {
    case Screening::kTeacherRight:
      return "teacher_right";
    case Screening::kNone:
      return "none";
  }
  return "";
}

const char* TiesName(TieRule ties) {
  switch (ties) {
    case TieRule::kKeepTies:
      return "keep_ties";
    case TieRule::kFirstIndex:
      return "first_index";
    case TieRule::kStrict:
      return "strict";
  }
  return "";
}

Json MethodJson(const MethodConfig& method) {
  return {{"name", method.name},
          {"profile", method.profile},
          {"alpha", method.alpha},
          {"kl_reduction", ReductionName(method.kl_reduction)},
          {"kl_temperature", method.kl_temperature},
          {"kl_diagonal", method.kl_diagonal},
          {"screening", ScreeningName(method.screening)},
          {"ties", TiesName(method.ties)},
          {"interpolate", method.interpolate},
          {"replay",
           {{"samples", method.replay_samples},
            {"per_batch", method.replay_per_batch}}},
          {"ewc_lambda", method.ewc_lambda}};
}

const char* BatchNormName(BatchNormMode mode) {
  switch (mode) {
    case BatchNormMode::kAuto:
      return "auto";
    case BatchNormMode::kSync:
      return "sync";
    case BatchNormMode::kFrozen:
      return "frozen";
  }
  return "";
}

Json TrainJson(const TrainConfig& train) {
  return {{"epochs", train.epochs},
          {"global_batch", train.global_batch},
          {"lr", train.lr},
          {"weight_decay", train.weight_decay},
          {"warmup", train.warmup},
          {"precision", train.precision == Precision::kBf16 ? "bf16" : "fp32"},
          {"seed", train.seed},
          {"beta1", train.beta1},
          {"beta2", train.beta2},
          {"epsilon", train.epsilon},
          {"decay_all", train.decay_all},
          {"drop_last", train.drop_last},
          {"clip_grad_norm", train.clip_grad_norm},
          {"micro_batch", train.micro_batch},
          {"batch_norm", BatchNormName(train.batch_norm)}};
}

Json ConfigJson(const StreamConfig& config) {
  const Json model =
      Json::parse(OpenClipConfigJson(config.model), nullptr, false);
  return {{"model", model.at("model_cfg")},
          {"method", MethodJson(config.method)},
          {"train", TrainJson(config.train)}};
}

Json DeviationsJson(const std::vector<ConfigDeviation>& deviations) {
  Json list = Json::array();
  for (const ConfigDeviation& deviation : deviations) {
    list.push_back({{"key", deviation.key},
                    {"value", deviation.value},
                    {"profile_default", deviation.profile_default}});
  }
  return list;
}

}  // namespace

std::string ManifestJson(const ManifestInfo& info,
                         const std::vector<ManifestFile>& files) {
  const Json config = ConfigJson(info.config);
  Json listed = Json::array();
  for (const ManifestFile& file : files) {
    listed.push_back({{"name", file.name},
                      {"size_bytes", file.size_bytes},
                      {"sha256", file.sha256}});
  }
  Json manifest = {{"format", 1},
                   {"keel_version", KEEL_VERSION},
                   {"stream", info.stream},
                   {"phase", info.phase},
                   {"attempt", info.attempt},
                   {"parent", info.parent < 0 ? Json() : Json(info.parent)},
                   {"chunks", info.chunk_digests},
                   {"plan_sha256", info.plan_digest},
                   {"step", info.step},
                   {"config", config},
                   {"config_sha256", Sha256Hex(config.dump())},
                   {"deviations", DeviationsJson(info.deviations)},
                   {"machine",
                    {{"world_size", info.world_size},
                     {"threads", info.threads},
                     {"device", info.device},
                     {"capability", info.capability}}},
                   {"files", listed}};
  if (info.mean_fisher.has_value()) {
    manifest["mean_fisher"] = *info.mean_fisher;
  }
  return manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::vector<ManifestFile>> ManifestFiles(std::string_view json) {
  const absl::Status bad =
      absl::InvalidArgumentError("not a Keel manifest: no list of files");
  const Json manifest = Json::parse(json, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("files") ||
      !manifest.at("files").is_array()) {
    return bad;
  }
  std::vector<ManifestFile> files;
  for (const Json& file : manifest.at("files")) {
    if (!file.is_object() || !file.contains("name") ||
        !file.contains("size_bytes") || !file.contains("sha256") ||
        !file.at("name").is_string() || !file.at("sha256").is_string() ||
        !file.at("size_bytes").is_number_integer()) {
      return bad;
    }
    files.push_back({file.at("name").get<std::string>(),
                     file.at("size_bytes").get<int64_t>(),
                     file.at("sha256").get<std::string>()});
  }
  return files;
}

}  // namespace keel
