#include "common/config/model_message.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "common/config/model_preset.h"

namespace keel {
namespace {

// `model` is the architecture of the preset of that name.
void ExpectPreset(const ModelConfig& model, const char* name) {
  v1::ModelConfig expected = ModelPreset(name).value();
  expected.clear_preset();
  const v1::ModelConfig message = ToMessage(model);
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(message, expected))
      << message.DebugString();
}

TEST(ModelMessageTest, HasEveryValueOfATransformer) {
  ExpectPreset(ModelConfig{}, "tiny");
  ModelConfig large{.embed_dim = 768};
  large.vision = {224, 14, 1024, 24, 16, 4.0};
  large.text = {77, 49408, 768, 12, 12, 4.0};
  ExpectPreset(large, "vit-l-14");
}

TEST(ModelMessageTest, LeavesOutWhatAResNetDoesNotHave) {
  ModelConfig model{.embed_dim = 1024};
  model.vision = {
      .image_size = 224, .width = 64, .heads = 32, .blocks = {3, 4, 6, 3}};
  model.text = {77, 49408, 512, 6, 8, 4.0};
  ExpectPreset(model, "rn50");
  EXPECT_EQ(ToMessage(model).vision().mlp_ratio(), 0);
}

}  // namespace
}  // namespace keel
