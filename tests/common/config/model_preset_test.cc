#include "common/config/model_preset.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"

namespace keel {
namespace {

using testing::HasSubstr;

void ExpectPreset(const std::string& name, const std::string& text) {
  v1::ModelConfig expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &expected));
  expected.set_preset(name);
  expected.set_quick_gelu(true);
  expected.mutable_vision()->set_mlp_ratio(4);
  expected.mutable_text()->set_mlp_ratio(4);
  expected.mutable_text()->set_vocab_size(49408);
  const auto preset = ModelPreset(name);
  ASSERT_TRUE(preset.ok()) << preset.status();
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(*preset, expected))
      << preset->DebugString();
}

TEST(ModelPresetTest, HasTheDocumentedArchitectures) {
  ExpectPreset("tiny", R"pb(
    embed_dim: 128
    vision { image_size: 64 patch_size: 16 width: 192 layers: 4 heads: 3 }
    text { context_length: 32 width: 192 layers: 3 heads: 3 })pb");
  ExpectPreset("tiny-bench", R"pb(
    embed_dim: 128
    vision { image_size: 64 patch_size: 8 width: 192 layers: 6 heads: 3 }
    text { context_length: 77 width: 192 layers: 4 heads: 3 })pb");
  ExpectPreset("vit-b-32", R"pb(
    embed_dim: 512
    vision { image_size: 224 patch_size: 32 width: 768 layers: 12 heads: 12 }
    text { context_length: 77 width: 512 layers: 12 heads: 8 })pb");
  ExpectPreset("vit-b-16", R"pb(
    embed_dim: 512
    vision { image_size: 224 patch_size: 16 width: 768 layers: 12 heads: 12 }
    text { context_length: 77 width: 512 layers: 12 heads: 8 })pb");
  ExpectPreset("vit-l-14", R"pb(
    embed_dim: 768
    vision { image_size: 224 patch_size: 14 width: 1024 layers: 24 heads: 16 }
    text { context_length: 77 width: 768 layers: 12 heads: 12 })pb");
}

TEST(ModelPresetTest, KnowsEveryNameThatItLists) {
  EXPECT_EQ(ModelPresetNames().size(), 5u);
  for (const std::string& name : ModelPresetNames()) {
    EXPECT_TRUE(ModelPreset(name).ok()) << name;
  }
}

int64_t TowerParameters(int64_t layers, int64_t width) {
  return layers * (12 * width * width + 13 * width);
}

// Parameters of a CLIP model with MLPs of four times the width, in millions.
int64_t Millions(const v1::ModelConfig& model) {
  const auto& vision = model.vision();
  const auto& text = model.text();
  const int64_t side = vision.image_size() / vision.patch_size();
  const int64_t count =
      TowerParameters(vision.layers(), vision.width()) +
      // Patches, class token, positions, two norms, projection.
      vision.width() * (3 * vision.patch_size() * vision.patch_size() + 1 +
                        side * side + 1 + 4 + model.embed_dim()) +
      TowerParameters(text.layers(), text.width()) +
      // Tokens, positions, a norm, projection.
      text.width() *
          (text.vocab_size() + text.context_length() + 2 + model.embed_dim()) +
      1;
  return (count + 500'000) / 1'000'000;
}

// ctest runs in the root of the sources.
TEST(ModelPresetTest, IsTheTableOfTheTrainingDocument) {
  const auto document = ReadFile("docs/training.md");
  ASSERT_TRUE(document.ok()) << document.status();
  for (const std::string& name : ModelPresetNames()) {
    const v1::ModelConfig model = *ModelPreset(name);
    const auto& vision = model.vision();
    const auto& text = model.text();
    EXPECT_THAT(
        *document,
        HasSubstr(absl::StrCat(
            "| `", name, "` | ", vision.image_size(), " | ",
            vision.patch_size(), " | ", vision.layers(), " x ", vision.width(),
            ", ", vision.heads(), " | ", text.layers(), " x ", text.width(),
            ", ", text.heads(), " | ", text.context_length(), " | ",
            model.embed_dim(), " | ", Millions(model), " |\n")));
  }
}

TEST(ModelPresetTest, ListsThePresetsWhenANameIsUnknown) {
  const absl::Status status = ModelPreset("vit-h").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "model.preset must be one of tiny, tiny-bench, vit-b-32, vit-b-16, "
            "vit-l-14, got 'vit-h'");
}

TEST(ModelPresetTest, RefusesResNetTowersByName) {
  const absl::Status status = ModelPreset("rn50").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("ResNet towers are not supported by this version"));
}

}  // namespace
}  // namespace keel
