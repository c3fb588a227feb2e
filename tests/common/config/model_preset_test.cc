#include "common/config/model_preset.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file_system.h"

namespace keel {
namespace {

using testing::HasSubstr;

void ExpectPreset(const std::string& name, const std::string& text) {
  v1::ModelConfig expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &expected));
  expected.set_preset(name);
  expected.set_quick_gelu(true);
  if (expected.vision().blocks().empty()) {
    expected.mutable_vision()->set_mlp_ratio(4);
  }
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
  ExpectPreset("rn50", R"pb(
    embed_dim: 1024
    vision {
      image_size: 224
      width: 64
      heads: 32
      blocks: [ 3, 4, 6, 3 ]
    }
    text { context_length: 77 width: 512 layers: 6 heads: 8 })pb");
}

TEST(ModelPresetTest, KnowsEveryNameThatItLists) {
  EXPECT_EQ(ModelPresetNames().size(), 6u);
  for (const std::string& name : ModelPresetNames()) {
    EXPECT_TRUE(ModelPreset(name).ok()) << name;
  }
}

int64_t TowerParameters(int64_t layers, int64_t width) {
  return layers * (12 * width * width + 13 * width);
}

// A convolution and the two vectors of its norm.
int64_t ConvolutionParameters(int64_t in, int64_t out, int64_t side) {
  return in * out * side * side + 2 * out;
}

int64_t ResNetParameters(const v1::ModelConfig& model) {
  const int64_t width = model.vision().width();
  const int64_t side = model.vision().image_size() / 32;
  int64_t count = ConvolutionParameters(3, width / 2, 3) +
                  ConvolutionParameters(width / 2, width / 2, 3) +
                  ConvolutionParameters(width / 2, width, 3);
  int64_t in = width;
  for (int stage = 0; stage < 4; ++stage) {
    const int64_t planes = width << stage;
    count += ConvolutionParameters(in, 4 * planes, 1);  // of the shortcut
    for (int i = 0; i < model.vision().blocks(stage); ++i) {
      count += ConvolutionParameters(in, planes, 1) +
               ConvolutionParameters(planes, planes, 3) +
               ConvolutionParameters(planes, 4 * planes, 1);
      in = 4 * planes;
    }
  }
  // Positions; queries, keys and values; the projection.
  return count + in * (side * side + 1) + 3 * (in * in + in) +
         in * model.embed_dim() + model.embed_dim();
}

int64_t ImageTowerParameters(const v1::ModelConfig& model) {
  const auto& vision = model.vision();
  if (!vision.blocks().empty()) return ResNetParameters(model);
  const int64_t side = vision.image_size() / vision.patch_size();
  return TowerParameters(vision.layers(), vision.width()) +
         // Patches, class token, positions, two norms, projection.
         vision.width() * (3 * vision.patch_size() * vision.patch_size() + 1 +
                           side * side + 1 + 4 + model.embed_dim());
}

// Parameters of a CLIP model with MLPs of four times the width, in millions.
int64_t Millions(const v1::ModelConfig& model) {
  const auto& text = model.text();
  const int64_t count =
      ImageTowerParameters(model) +
      TowerParameters(text.layers(), text.width()) +
      // Tokens, positions, a norm, projection.
      text.width() *
          (text.vocab_size() + text.context_length() + 2 + model.embed_dim()) +
      1;
  return (count + 500'000) / 1'000'000;
}

// "16 | 4 x 192, 3", or of a ResNet " | 3-4-6-3 x 64, 32".
std::string ImageTowerText(const v1::ModelConfig::Vision& vision) {
  const bool resnet = !vision.blocks().empty();
  return absl::StrCat(resnet ? "" : absl::StrCat(vision.patch_size()), " | ",
                      resnet ? absl::StrJoin(vision.blocks(), "-")
                             : absl::StrCat(vision.layers()),
                      " x ", vision.width(), ", ", vision.heads());
}

// ctest runs in the root of the sources.
TEST(ModelPresetTest, IsTheTableOfTheTrainingDocument) {
  const auto document = ReadFile("docs/training.md");
  ASSERT_TRUE(document.ok()) << document.status();
  for (const std::string& name : ModelPresetNames()) {
    const v1::ModelConfig model = *ModelPreset(name);
    const auto& vision = model.vision();
    const auto& text = model.text();
    EXPECT_THAT(*document, HasSubstr(absl::StrCat(
                               "| `", name, "` | ", vision.image_size(), " | ",
                               ImageTowerText(vision), " | ", text.layers(),
                               " x ", text.width(), ", ", text.heads(), " | ",
                               text.context_length(), " | ", model.embed_dim(),
                               " | ", Millions(model), " |\n")));
  }
}

TEST(ModelPresetTest, ListsThePresetsWhenANameIsUnknown) {
  const absl::Status status = ModelPreset("vit-h").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "model.preset must be one of tiny, tiny-bench, vit-b-32, vit-b-16, "
            "vit-l-14, rn50, got 'vit-h'");
}

}  // namespace
}  // namespace keel
