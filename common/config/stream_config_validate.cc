#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/config/config_key.h"
#include "common/config/config_value.h"
#include "common/config/stream_config.h"
#include "common/model/model_config.h"
#include "common/reason.h"
#include "common/status_macros.h"

namespace keel {
namespace {

absl::Status CheckDivides(const char* part, int64_t divisor, const char* whole,
                          int64_t value) {
  if (value % divisor == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      part, " must divide ", whole, ", got ", divisor, " and ", value));
}

// A preset is a name for one architecture; another one needs no name.
absl::Status CheckAgainstPreset(const v1::StreamConfig& config) {
  v1::StreamConfig expected;
  KEEL_ASSIGN_OR_RETURN(*expected.mutable_model(),
                        ModelPreset(config.model().preset()));
  for (const ConfigKey& key : ConfigKeys()) {
    if (!HasConfigField(key) || !absl::StartsWith(key.path, "model.")) continue;
    const std::string want = ConfigValueText(key, expected);
    const std::string got = ConfigValueText(key, config);
    if (want != got) {
      return absl::InvalidArgumentError(absl::StrCat(
          key.path, " is ", got, ", but preset '", config.model().preset(),
          "' has ", want, "; give all of the model's values and no preset"));
    }
  }
  return absl::OkStatus();
}

// An MLP of no unit would have weights of no finite scale.
absl::Status CheckMlp(const char* key, double ratio, int width) {
  if (ratio * width >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " must leave the MLP one unit of the width ", width,
                   ", got ", ratio));
}

absl::Status CheckTransformer(const v1::ModelConfig::Vision& vision) {
  KEEL_RETURN_IF_ERROR(
      CheckDivides("model.vision.patch_size", vision.patch_size(),
                   "model.vision.image_size", vision.image_size()));
  KEEL_RETURN_IF_ERROR(
      CheckMlp("model.vision.mlp_ratio", vision.mlp_ratio(), vision.width()));
  return CheckDivides("model.vision.heads", vision.heads(),
                      "model.vision.width", vision.width());
}

absl::Status CheckResNet(const v1::ModelConfig::Vision& vision) {
  if (vision.blocks_size() != 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.vision.blocks must have four numbers, got ",
                     vision.blocks_size()));
  }
  // What the strides of stem and stages leave is the grid that is pooled.
  KEEL_RETURN_IF_ERROR(CheckDivides(
      "32", 32, "model.vision.image_size of a ResNet", vision.image_size()));
  KEEL_RETURN_IF_ERROR(
      CheckDivides("2", 2, "model.vision.width of a ResNet", vision.width()));
  return CheckDivides("model.vision.heads", vision.heads(),
                      "32 times model.vision.width", 32 * vision.width());
}

absl::Status CheckModel(const v1::StreamConfig& config) {
  const v1::ModelConfig& model = config.model();
  if (!model.preset().empty()) KEEL_RETURN_IF_ERROR(CheckAgainstPreset(config));
  KEEL_RETURN_IF_ERROR(model.vision().blocks_size() > 0
                           ? CheckResNet(model.vision())
                           : CheckTransformer(model.vision()));
  KEEL_RETURN_IF_ERROR(CheckDivides("model.text.heads", model.text().heads(),
                                    "model.text.width", model.text().width()));
  KEEL_RETURN_IF_ERROR(CheckMlp(
      "model.text.mlp_ratio", model.text().mlp_ratio(), model.text().width()));
  if (model.text().context_length() < kMinContext) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.text.context_length must be at least ", kMinContext,
                     ", got ", model.text().context_length()));
  }
  // The tokenizer has no other vocabulary.
  if (model.text().vocab_size() != kMaxVocabulary) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.text.vocab_size must be ", kMaxVocabulary, ", got ",
                     model.text().vocab_size()));
  }
  return absl::OkStatus();
}

// Values that have a meaning, which this version does not act on.
absl::Status CheckSupported(const v1::StreamConfig& config) {
  if (config.checkpoint().keep() == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("checkpoint.keep must be all: this version keeps all "
                   "checkpoints, got ",
                   config.checkpoint().keep()));
}

absl::Status CheckMethod(const v1::MethodConfig& method) {
  const v1::MethodConfig::Replay& replay = method.replay();
  if (replay.per_batch() > replay.samples() ||
      (replay.samples() > 0 && replay.per_batch() == 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "method.replay.per_batch must be 1 to method.replay.samples, got ",
        replay.per_batch(), " and ", replay.samples()));
  }
  if (!IsJoint(method)) return absl::OkStatus();
  if (replay.samples() > 0) {
    return absl::InvalidArgumentError(
        "method.replay is not for method.name joint, which trains all samples "
        "of earlier phases anyway");
  }
  if (method.interpolate() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "method.interpolate is not for method.name joint, whose parent is "
        "what the stream started from, got ",
        method.interpolate()));
  }
  return absl::OkStatus();
}

absl::Status CheckTogether(const v1::StreamConfig& config) {
  const v1::GroupConfig& group = config.group();
  if (group.max_workers() < group.min_workers()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group.max_workers must not be less than group.min_workers, got ",
        group.max_workers(), " and ", group.min_workers()));
  }
  KEEL_RETURN_IF_ERROR(CheckMethod(config.method()));
  // Micro-batches would be normalised each by itself, which is another model.
  if (config.train().micro_batch() > 0 &&
      config.model().vision().blocks_size() > 0 &&
      config.train().batch_norm() != v1::TrainConfig::FROZEN) {
    return absl::InvalidArgumentError(absl::StrCat(
        "train.micro_batch needs train.batch_norm frozen where the model has "
        "BatchNorm, got train.micro_batch ",
        config.train().micro_batch()));
  }
  return absl::OkStatus();
}

absl::Status Check(const v1::StreamConfig& config) {
  for (const ConfigKey& key : ConfigKeys()) {
    // A model without a preset's name is fine.
    if (!HasConfigField(key) || key.path == "model.preset") continue;
    // Dimensions of an unknown preset are absent: name the preset instead.
    if (key.path == "model.embed_dim" && !config.model().preset().empty()) {
      KEEL_RETURN_IF_ERROR(ModelPreset(config.model().preset()).status());
    }
    if (IsOfAnotherTower(key, config)) {
      if (!HasConfigValue(key, config)) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          key.path, " must not stand beside model.vision.blocks, got ",
          ConfigValueText(key, config)));
    }
    KEEL_RETURN_IF_ERROR(CheckConfigValue(key, config));
  }
  KEEL_RETURN_IF_ERROR(CheckModel(config));
  KEEL_RETURN_IF_ERROR(CheckSupported(config));
  return CheckTogether(config);
}

}  // namespace

absl::Status ValidateStreamConfig(const v1::StreamConfig& config) {
  const absl::Status status = Check(config);
  return status.ok() ? status
                     : WithReason(status, {std::string(kConfigValue), {}});
}

}  // namespace keel
