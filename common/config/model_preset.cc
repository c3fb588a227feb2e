#include "common/config/model_preset.h"

#include <array>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/string_view.h"

namespace keel {
namespace {

constexpr int kVocabulary = 49408;
constexpr double kMlpRatio = 4.0;

struct Tower {
  int layers;
  int width;
  int heads;
};

struct Preset {
  const char* name;
  int embed_dim;
  int image_size;
  int patch_size;
  Tower vision;
  int context_length;
  Tower text;
  // Of a ResNet, whose tower has no patches and no layers.
  std::array<int, 4> blocks = {};
};

// vit-*: table 20 of Radford et al., "Learning transferable visual models
// from natural language supervision" (ICML 2021). rn50: its table 19, with the
// text tower of Ni et al. (arXiv 2305.07437), which has half the layers.
constexpr Preset kPresets[] = {
    {"tiny", 128, 64, 16, {4, 192, 3}, 32, {3, 192, 3}},
    {"tiny-bench", 128, 64, 8, {6, 192, 3}, 77, {4, 192, 3}},
    {"vit-b-32", 512, 224, 32, {12, 768, 12}, 77, {12, 512, 8}},
    {"vit-b-16", 512, 224, 16, {12, 768, 12}, 77, {12, 512, 8}},
    {"vit-l-14", 768, 224, 14, {24, 1024, 16}, 77, {12, 768, 12}},
    {"rn50", 1024, 224, 0, {0, 64, 32}, 77, {6, 512, 8}, {3, 4, 6, 3}},
};

// Sets what ModelConfig.Vision and .Text have in common.
template <typename Message>
void SetTower(const Tower& tower, Message* message) {
  message->set_layers(tower.layers);
  message->set_width(tower.width);
  message->set_heads(tower.heads);
  message->set_mlp_ratio(kMlpRatio);
}

v1::ModelConfig ConfigOf(const Preset& preset) {
  v1::ModelConfig config;
  config.set_preset(preset.name);
  config.set_embed_dim(preset.embed_dim);
  config.set_quick_gelu(true);
  config.mutable_vision()->set_image_size(preset.image_size);
  config.mutable_vision()->set_patch_size(preset.patch_size);
  SetTower(preset.vision, config.mutable_vision());
  if (preset.blocks[0] > 0) {
    config.mutable_vision()->clear_mlp_ratio();
    config.mutable_vision()->mutable_blocks()->Add(preset.blocks.begin(),
                                                   preset.blocks.end());
  }
  config.mutable_text()->set_context_length(preset.context_length);
  config.mutable_text()->set_vocab_size(kVocabulary);
  SetTower(preset.text, config.mutable_text());
  return config;
}

}  // namespace

absl::StatusOr<v1::ModelConfig> ModelPreset(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return ConfigOf(preset);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "model.preset must be one of ", absl::StrJoin(ModelPresetNames(), ", "),
      ", got '", ToAbsl(name), "'"));
}

const std::vector<std::string>& ModelPresetNames() {
  static const auto* const names = [] {
    auto* all = new std::vector<std::string>;
    for (const Preset& preset : kPresets) all->push_back(preset.name);
    return all;
  }();
  return *names;
}

}  // namespace keel
