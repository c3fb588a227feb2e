#include "worker/model/preset.h"

#include <gtest/gtest.h>

#include <string>

namespace keel {
namespace {

// OpenCLIP's model_configs/ViT-B-32.json in content, and what its older
// files leave out.
constexpr char kVitB32[] = R"({
  "embed_dim": 512,
  "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32},
  "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512,
               "heads": 8, "layers": 12}
})";

TEST(PresetTest, ReadsWhatItWrites) {
  ModelConfig config;
  config.quick_gelu = false;
  config.vision.mlp_ratio = 2.5;
  config.text.layers = 5;
  auto read = ModelConfigFromOpenClipJson(OpenClipConfigJson(config));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->embed_dim, 128);
  EXPECT_FALSE(read->quick_gelu);
  EXPECT_EQ(read->vision.image_size, 64);
  EXPECT_EQ(read->vision.patch_size, 16);
  EXPECT_EQ(read->vision.width, 192);
  EXPECT_EQ(read->vision.layers, 4);
  EXPECT_EQ(read->vision.heads, 3);
  EXPECT_EQ(read->vision.mlp_ratio, 2.5);
  EXPECT_EQ(read->text.context_length, 32);
  EXPECT_EQ(read->text.vocab_size, 49408);
  EXPECT_EQ(read->text.width, 192);
  EXPECT_EQ(read->text.layers, 5);
  EXPECT_EQ(read->text.heads, 3);
}

TEST(PresetTest, ReadsAPlainModelConfigurationWithOpenClipsDefaults) {
  auto read = ModelConfigFromOpenClipJson(kVitB32);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->vision.heads, 12);
  EXPECT_EQ(read->vision.mlp_ratio, 4.0);
  EXPECT_FALSE(read->quick_gelu);
}

// The message that `from` in kVitB32, replaced by `to`, is refused with.
std::string Refusal(const std::string& from, const std::string& to) {
  std::string json = kVitB32;
  json.replace(json.find(from), from.size(), to);
  auto read = ModelConfigFromOpenClipJson(json);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(read.status().message());
}

TEST(PresetTest, NamesTheKeyThatItRefuses) {
  const auto names = [](const std::string& message, const char* key) {
    EXPECT_NE(message.find(key), std::string::npos) << message;
  };
  names(Refusal("\"layers\": 12, \"width\": 768", "\"layers\": [3, 4, 6]"),
        "vision_cfg.layers is [3,4,6], not four whole numbers from 1 to 256");
  names(Refusal("\"layers\": 12, \"width\": 768",
                "\"layers\": [3, 4, 6, 3], \"width\": 65"),
        "vision_cfg.width is odd");
  names(Refusal("\"image_size\": 224, \"layers\": 12",
                "\"image_size\": 225, \"layers\": [3, 4, 6, 3]"),
        "vision_cfg.image_size is no multiple of 32");
  names(Refusal("\"layers\": 12, \"width\": 768",
                "\"layers\": [3, 4, 6, 3], \"pool_type\": \"avg\""),
        "vision_cfg.pool_type");
  names(Refusal("\"patch_size\": 32", "\"patch_size\": 30"),
        "vision_cfg.patch_size");
  names(Refusal("\"heads\": 8", "\"heads\": 7"), "text_cfg.heads");
  names(Refusal("\"embed_dim\": 512", "\"embed\": 512"), "embed_dim");
  names(Refusal("\"image_size\": 224",
                "\"timm_model_name\": \"vit_base\", \"image_size\": 224"),
        "vision_cfg.timm_model_name");
  names(Refusal("\"heads\": 8", "\"heads\": 8, \"pool_type\": \"last\""),
        "text_cfg.pool_type");
  names(Refusal("{\"image_size\"", "[{\"image_size\""), "JSON");
}

TEST(PresetTest, RefusesSizesThatNoMachineHolds) {
  const auto refuses = [](const std::string& from, const std::string& to,
                          const std::string& message) {
    const std::string refusal = Refusal(from, to);
    EXPECT_NE(refusal.find(message), std::string::npos) << refusal;
  };
  refuses("\"layers\": 12, \"width\": 768", "\"layers\": 1000000",
          "vision_cfg.layers is 1000000, not a whole number from 1 to 256");
  refuses(
      "\"image_size\": 224", "\"image_size\": 1000000",
      "vision_cfg.image_size is 1000000, not a whole number from 1 to 2048");
  refuses("\"width\": 512", "\"width\": 16385", "text_cfg.width");
  refuses("\"vocab_size\": 49408", "\"vocab_size\": 49409",
          "text_cfg.vocab_size");
  refuses("\"context_length\": 77", "\"context_length\": 4097",
          "text_cfg.context_length");
  refuses("\"heads\": 8", "\"heads\": 512", "text_cfg.heads");
  refuses("\"embed_dim\": 512", "\"embed_dim\": 99999", "embed_dim");
  refuses("\"heads\": 8", "\"heads\": 8, \"mlp_ratio\": 65",
          "text_cfg.mlp_ratio is 65, not a number from 0 to 64");
}

TEST(PresetTest, NamesWhereTwoArchitecturesDiffer) {
  const ModelConfig stream;
  EXPECT_TRUE(RequireSameArchitecture(stream, stream).ok());
  ModelConfig file = stream;
  file.vision.width = 768;
  file.vision.heads = 12;
  const absl::Status status = RequireSameArchitecture(file, stream);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(),
            "vision_cfg.width is 768, the stream's model has 192");
  file = stream;
  file.text.mlp_ratio = 3.5;
  EXPECT_FALSE(RequireSameArchitecture(file, stream).ok());
  file = stream;
  file.quick_gelu = false;
  EXPECT_FALSE(RequireSameArchitecture(file, stream).ok());
}

TEST(PresetTest, ReadsAResNetThatItWrites) {
  ModelConfig config;
  config.vision = {
      .image_size = 288, .width = 80, .heads = 40, .blocks = {4, 6, 10, 6}};
  auto read = ModelConfigFromOpenClipJson(OpenClipConfigJson(config));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->vision.image_size, 288);
  EXPECT_EQ(read->vision.width, 80);
  EXPECT_EQ(read->vision.heads, 40);
  EXPECT_EQ(read->vision.blocks, (std::vector<int>{4, 6, 10, 6}));
  EXPECT_TRUE(RequireSameArchitecture(*read, config).ok());
  config.vision.blocks[2] = 9;
  EXPECT_EQ(RequireSameArchitecture(*read, config).message(),
            "vision_cfg.layers is [4,6,10,6], the stream's model has "
            "[4,6,9,6]");
  ModelConfig transformer;
  transformer.vision.image_size = 288;
  EXPECT_EQ(RequireSameArchitecture(transformer, config).message(),
            "vision_cfg.layers is 4, the stream's model has [4,6,9,6]");
}

TEST(PresetTest, AcceptsSwitchesThatAreOff) {
  std::string json = kVitB32;
  const std::string from = "\"image_size\": 224";
  json.replace(json.find(from), from.size(),
               from + R"(, "timm_model_name": null, "qk_norm": false,
                         "patch_dropout": 0.0, "pool_type": "tok")");
  EXPECT_TRUE(ModelConfigFromOpenClipJson(json).ok());
}

}  // namespace
}  // namespace keel
