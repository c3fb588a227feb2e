#include "common/config/config_key.h"
#include "common/config/config_value.h"
#include "common/config/stream_config.h"

namespace keel {
namespace {

constexpr char kDefaultPreset[] = "tiny";
constexpr char kOfficial[] = "modx-official";

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

}  // namespace

v1::StreamConfig WithDefaults(const v1::StreamConfig& config) {
  v1::StreamConfig filled = config;
  FillModel(filled.mutable_model());
  for (const ConfigKey& key : ConfigKeys()) {
    if (!HasConfigField(key) || key.fallback.empty() ||
        HasConfigValue(key, filled) || IsOfAnotherTower(key, filled)) {
      continue;
    }
    // The profile's key comes before those that depend on it.
    const bool official = filled.method().profile() == kOfficial &&
                          !key.official_fallback.empty();
    // The table's defaults are of their types: ConfigKeyTest.
    SetConfigValue(key, official ? key.official_fallback : key.fallback,
                   &filled)
        .IgnoreError();
  }
  // Without preset nor value: what OpenCLIP assumes.
  if (!filled.model().has_quick_gelu()) {
    filled.mutable_model()->set_quick_gelu(false);
  }
  return filled;
}

}  // namespace keel
