#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/config/config_key.h"
#include "common/config/config_value.h"
#include "common/config/stream_config.h"

namespace keel {
namespace {

constexpr char kDefaultPreset[] = "tiny";
constexpr char kOfficial[] = "modx-official";
constexpr char kLwf[] = "lwf";

// An unknown preset stays as it is, for ValidateStreamConfig to name it.
void FillModel(v1::ModelConfig* model) {
  if (model->ByteSizeLong() == 0) model->set_preset(kDefaultPreset);
  if (model->preset().empty()) return;
  if (auto preset = ModelPreset(model->preset()); preset.ok()) {
    // Merging appends to lists.
    if (model->vision().blocks_size() > 0) {
      preset->mutable_vision()->clear_blocks();
    }
    preset->MergeFrom(*model);
    *model = *std::move(preset);
  }
}

// The keys of method and profile come before those that depend on them.
const std::string& DefaultOf(const ConfigKey& key,
                             const v1::MethodConfig& method) {
  if (method.name() == kLwf && !key.lwf_fallback.empty()) {
    return key.lwf_fallback;
  }
  const bool official =
      method.profile() == kOfficial && !key.official_fallback.empty();
  return official ? key.official_fallback : key.fallback;
}

bool IsOfProfile(const ConfigKey& key) {
  return key.path != "method.profile" &&
         (absl::StartsWith(key.path, "method.") ||
          absl::StartsWith(key.path, "train."));
}

}  // namespace

v1::StreamConfig WithDefaults(const v1::StreamConfig& config) {
  v1::StreamConfig filled = config;
  FillModel(filled.mutable_model());
  for (const ConfigKey& key : ConfigKeys()) {
    if (!HasConfigField(key) || key.fallback.empty() ||
        HasConfigValue(key, filled) || IsOfAnotherTower(key, filled)) {
      continue;
    }
    // The table's defaults are of their types: ConfigKeyTest.
    SetConfigValue(key, DefaultOf(key, filled.method()), &filled).IgnoreError();
  }
  // Without preset nor value: what OpenCLIP assumes.
  if (!filled.model().has_quick_gelu()) {
    filled.mutable_model()->set_quick_gelu(false);
  }
  return filled;
}

bool IsJoint(const v1::MethodConfig& method) {
  return method.name() == "joint";
}

std::vector<v1::ConfigDeviation> ProfileDeviations(
    const v1::StreamConfig& config) {
  const v1::StreamConfig filled = WithDefaults(config);
  std::vector<v1::ConfigDeviation> deviations;
  for (const ConfigKey& key : ConfigKeys()) {
    if (!IsOfProfile(key)) continue;
    v1::StreamConfig reference;
    SetConfigValue(key, DefaultOf(key, filled.method()), &reference)
        .IgnoreError();
    v1::ConfigDeviation deviation;
    deviation.set_key(key.path);
    deviation.set_value(ConfigValueText(key, filled));
    deviation.set_profile_default(ConfigValueText(key, reference));
    if (deviation.value() != deviation.profile_default()) {
      deviations.push_back(std::move(deviation));
    }
  }
  return deviations;
}

std::string ProfileReference() {
  v1::MethodConfig official;
  official.set_profile(kOfficial);
  std::string text =
      "| key | `modx-official` | `modx-safe` |\n| --- | --- | --- |\n";
  for (const ConfigKey& key : ConfigKeys()) {
    if (!IsOfProfile(key)) continue;
    absl::StrAppend(&text, "| `", key.path, "` | ", DefaultOf(key, official),
                    " | ", DefaultOf(key, {}), " |\n");
  }
  return text;
}

}  // namespace keel
