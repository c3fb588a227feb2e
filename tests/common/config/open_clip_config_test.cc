#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config/model_preset.h"

namespace keel {
namespace {

using testing::HasSubstr;

// OpenCLIP's ViT-B-32-quickgelu.
constexpr char kVitB32[] = R"({
  "embed_dim": 512, "quick_gelu": true,
  "vision_cfg": {"image_size": 224, "layers": 12, "width": 768,
                 "patch_size": 32},
  "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512,
               "heads": 8, "layers": 12}})";

void ExpectRefusedJson(const std::string& json, const std::string& message) {
  const auto model = ModelConfigFromOpenClip(json, "m.json");
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument) << json;
  EXPECT_THAT(std::string(model.status().message()), HasSubstr(message));
}

// kVitB32 with `from` replaced by `to`.
std::string Changed(const std::string& from, const std::string& to) {
  std::string json = kVitB32;
  json.replace(json.find(from), from.size(), to);
  return json;
}

TEST(OpenClipConfigTest, ReadsABareModel) {
  v1::ModelConfig expected = ModelPreset("vit-b-32").value();
  expected.clear_preset();
  const auto model = ModelConfigFromOpenClip(kVitB32, "m.json");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(*model, expected));
}

TEST(OpenClipConfigTest, ReadsAModelBesideItsPreprocessing) {
  const std::string json =
      std::string(R"({"preprocess_cfg": {"mean": [0.48145466, 0.4578275,
      0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
      "model_cfg": )") +
      kVitB32 + "}";
  EXPECT_EQ(ModelConfigFromOpenClip(json, "m.json").value().embed_dim(), 512);
}

TEST(OpenClipConfigTest, AssumesWhatOpenClipAssumes) {
  const auto model = ModelConfigFromOpenClip(
      R"({"embed_dim": 512, "vision_cfg": {}, "text_cfg": {}})", "m.json");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(model->has_quick_gelu());
  EXPECT_FALSE(model->quick_gelu());
  EXPECT_EQ(model->vision().patch_size(), 16);
  EXPECT_EQ(model->vision().heads(), 12);
  EXPECT_EQ(model->text().width(), 512);
}

TEST(OpenClipConfigTest, TakesFeaturesThatAreSwitchedOff) {
  EXPECT_TRUE(ModelConfigFromOpenClip(
                  Changed(R"("patch_size": 32)",
                          R"("patch_size": 32, "timm_model_name": null,
                             "patch_dropout": 0.0, "pool_type": "tok",
                             "attentional_pool": false)"),
                  "m.json")
                  .ok());
}

// The vision_cfg of OpenCLIP's RN50.json, but for its layers.
std::string ResNet(const std::string& layers) {
  return Changed(R"("layers": 12, "width": 768,
                 "patch_size": 32)",
                 R"("width": 64, "patch_size": null, "layers": )" + layers);
}

TEST(OpenClipConfigTest, ReadsAResNetByItsListOfLayers) {
  v1::ModelConfig expected = ModelPreset("rn50").value();
  expected.clear_preset();
  expected.set_embed_dim(512);
  expected.mutable_text()->set_layers(12);
  const auto model = ModelConfigFromOpenClip(ResNet("[3, 4, 6, 3]"), "m.json");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(*model, expected))
      << model->DebugString();
}

TEST(OpenClipConfigTest, RefusesResNetsOfOtherStages) {
  ExpectRefusedJson(ResNet("[3, 4, 6]"),
                    "'vision_cfg.layers' must be a number or have four, got "
                    "[3,4,6]");
  ExpectRefusedJson(
      ResNet("[3, 4, 6, 0]"),
      "'vision_cfg.layers' must be whole numbers from 1 to 256, got "
      "[3,4,6,0]");
}

TEST(OpenClipConfigTest, NamesArchitecturesThatKeelDoesNotHave) {
  ExpectRefusedJson(
      Changed(R"("patch_size": 32)", R"("patch_size": 32, "pool_type": "avg")"),
      "'vision_cfg.pool_type' is \"avg\": not supported");
  ExpectRefusedJson(
      Changed(R"("heads": 8)", R"("heads": 8, "hf_model_name": "roberta")"),
      "'text_cfg.hf_model_name' is \"roberta\": not supported");
  ExpectRefusedJson(Changed(R"("quick_gelu": true)", R"("custom_text": true)"),
                    "'custom_text' is true: not supported");
}

TEST(OpenClipConfigTest, NamesWhatIsMissingOrMistyped) {
  ExpectRefusedJson("{", "m.json: not a JSON object");
  ExpectRefusedJson("[]", "m.json: not a JSON object");
  ExpectRefusedJson("{}", "'embed_dim' is missing");
  ExpectRefusedJson(R"({"model_cfg": 3})", "'model_cfg' must be an object");
  ExpectRefusedJson(R"({"model_cfg": {"embed_dim": 8}})",
                    "'model_cfg.vision_cfg' is missing");
  ExpectRefusedJson(Changed("512,", "\"512\","),
                    "'embed_dim' must be a positive");
  ExpectRefusedJson(Changed("true", "1"), "'quick_gelu' must be true or false");
  ExpectRefusedJson(Changed("\"width\": 768", "\"width\": 770"),
                    "'vision_cfg.width' is no multiple");
}

TEST(OpenClipConfigTest, RefusesAnotherPreprocessing) {
  const auto with = [](const std::string& entry) {
    return "{\"preprocess_cfg\": {" + entry + "}, \"model_cfg\": " + kVitB32 +
           "}";
  };
  ExpectRefusedJson(with(R"("mean": [0.5, 0.5, 0.5])"),
                    "'preprocess_cfg.mean' is [0.5,0.5,0.5]: not supported");
  ExpectRefusedJson(with(R"("std": [0.5, 0.5, 0.5])"),
                    "'preprocess_cfg.std' is");
  ExpectRefusedJson(with(R"("mode": "L")"),
                    "'preprocess_cfg.mode' is \"L\": not");
  ExpectRefusedJson(
      with(R"("interpolation": "bilinear")"),
      "'preprocess_cfg.interpolation' is \"bilinear\": not supported "
      "by this version, which takes \"bicubic\"");
  ExpectRefusedJson(with(R"("resize_mode": "squash")"),
                    "'preprocess_cfg.resize_mode' is \"squash\": not");
  // OpenCLIP itself takes the size from the model, and fills nothing.
  EXPECT_TRUE(ModelConfigFromOpenClip(
                  with(R"("size": 99, "fill_color": 1, "mode": "RGB",
                          "interpolation": "bicubic",
                          "resize_mode": "shortest")"),
                  "m.json")
                  .ok());
}

}  // namespace
}  // namespace keel
