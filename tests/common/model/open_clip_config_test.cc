#include "common/model/open_clip_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// What OpenCLIP 3.3.0 assumes of a transformer, every key written out.
constexpr char kWrittenOut[] = R"({
  "embed_dim": 512, "quick_gelu": null, "custom_text": false,
  "vision_cfg": {
    "layers": 12, "width": 768, "head_width": 64, "mlp_ratio": 4.0,
    "patch_size": 16, "image_size": 224, "ls_init_value": null,
    "patch_dropout": 0.0, "attentional_pool": false,
    "attn_pooler_queries": 256, "attn_pooler_heads": 8, "no_ln_pre": false,
    "pos_embed_type": "learnable", "final_ln_after_pool": false,
    "pool_type": "tok", "output_tokens": false, "act_kwargs": null,
    "norm_kwargs": null, "block_type": null, "qk_norm": false,
    "scaled_cosine_attn": false, "scale_heads": false,
    "scale_attn_inner": false, "scale_attn": false, "scale_fc": false,
    "timm_model_name": null, "timm_model_pretrained": false,
    "timm_pool": "avg", "timm_proj": "linear", "timm_proj_bias": false,
    "timm_drop": 0.0, "timm_drop_path": null},
  "text_cfg": {
    "context_length": 77, "vocab_size": 49408, "hf_tokenizer_name": null,
    "tokenizer_mode": null, "tokenizer_kwargs": null, "width": 512, "heads": 8,
    "layers": 12, "mlp_ratio": 4.0, "ls_init_value": null, "embed_cls": false,
    "pad_id": 0, "eos_id": 2, "no_causal_mask": false,
    "final_ln_after_pool": false, "pool_type": "argmax", "proj_bias": false,
    "proj_type": "linear", "output_tokens": false, "act_kwargs": null,
    "norm_kwargs": null, "block_type": null, "qk_norm": false,
    "scaled_cosine_attn": false, "scale_heads": false,
    "scale_attn_inner": false, "scale_attn": false, "scale_fc": false,
    "hf_model_name": null, "hf_model_pretrained": true, "hf_proj_type": "mlp",
    "hf_pooler_type": "mean_pooler"}})";

// `from` replaced by `to`.
std::string Changed(std::string json, const std::string& from,
                    const std::string& to) {
  EXPECT_NE(json.find(from), std::string::npos) << from;
  return json.replace(json.find(from), from.size(), to);
}
std::string Changed(const std::string& from, const std::string& to) {
  return Changed(kVitB32, from, to);
}

// The vision_cfg of OpenCLIP's RN50.json, but for its layers.
std::string ResNet(const std::string& layers) {
  return Changed(R"("layers": 12, "width": 768,
                 "patch_size": 32)",
                 R"("width": 64, "patch_size": null, "layers": )" + layers);
}

ModelConfig Read(const std::string& json) {
  const auto model = ModelConfigFromOpenClip(json, "m.json");
  EXPECT_TRUE(model.ok()) << model.status();
  return model.value_or(ModelConfig{});
}

void ExpectRefused(const std::string& json, const std::string& message) {
  const auto model = ModelConfigFromOpenClip(json, "m.json");
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument) << json;
  EXPECT_THAT(std::string(model.status().message()), HasSubstr(message));
}

TEST(OpenClipConfigTest, ReadsABareModel) {
  ModelConfig expected{.embed_dim = 512};
  expected.vision = {224, 32, 768, 12, 12, 4.0};
  expected.text = {77, 49408, 512, 12, 8, 4.0};
  EXPECT_EQ(Read(kVitB32), expected);
}

TEST(OpenClipConfigTest, ReadsAModelBesideItsPreprocessing) {
  const std::string json =
      std::string(R"({"preprocess_cfg": {"mean": [0.48145466, 0.4578275,
      0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
      "model_cfg": )") +
      kVitB32 + "}";
  EXPECT_EQ(Read(json), Read(kVitB32));
}

TEST(OpenClipConfigTest, AssumesWhatOpenClipAssumes) {
  const ModelConfig model =
      Read(R"({"embed_dim": 512, "vision_cfg": {}, "text_cfg": {}})");
  EXPECT_EQ(model.quick_gelu, false);
  EXPECT_EQ(model.vision, (ModelConfig::Vision{224, 16, 768, 12, 12, 4.0}));
  EXPECT_EQ(model.text, (ModelConfig::Text{77, 49408, 512, 12, 8, 4.0}));
  EXPECT_EQ(Read(kWrittenOut), model);
}

TEST(OpenClipConfigTest, TakesFeaturesThatAreSwitchedOff) {
  EXPECT_EQ(Read(Changed(R"("patch_size": 32)",
                         R"("patch_size": 32, "timm_model_name": null,
                             "patch_dropout": 0.0, "pool_type": "tok",
                             "mlp_ratio": null, "attentional_pool": false)")),
            Read(kVitB32));
}

TEST(OpenClipConfigTest, ReadsAResNetByItsListOfLayers) {
  ModelConfig::Vision expected = {.image_size = 224, .width = 64, .heads = 32};
  expected.blocks = {3, 4, 6, 3};
  EXPECT_EQ(Read(ResNet("[3, 4, 6, 3]")).vision, expected);
  // Keys of a transformer, which mean nothing here.
  const std::string written_out =
      Changed(kWrittenOut, R"("layers": 12, "width": 768)",
              R"("layers": [3, 4, 6, 3], "width": 64)");
  EXPECT_EQ(Read(written_out).vision, expected);
}

TEST(OpenClipConfigTest, RefusesResNetsThatDoNotFitTogether) {
  ExpectRefused(ResNet("[3, 4, 6]"),
                "'vision_cfg.layers' is [3,4,6], not a number or four whole "
                "numbers from 1 to 256");
  ExpectRefused(ResNet("[3, 4, 6, 0]"), "'vision_cfg.layers' is [3,4,6,0]");
  ExpectRefused(ResNet("[3, 4, 6, 257]"), "'vision_cfg.layers' is");
  ExpectRefused(ResNet(R"([3, 4, 6, "3"])"), "'vision_cfg.layers' is");
  ExpectRefused(ResNet(R"([3, 4, 6, 3], "pool_type": "avg")"),
                "'vision_cfg.pool_type' is \"avg\": not supported");
  ExpectRefused(ResNet(R"([3, 4, 6, 3], "head_width": 7)"),
                "'vision_cfg.head_width' is 7, which does not divide 2048");
  const std::string good = ResNet("[3, 4, 6, 3]");
  ExpectRefused(Changed(good, "\"width\": 64", "\"width\": 65"),
                "'vision_cfg.head_width' is 64, which does not divide 2080");
  ExpectRefused(Changed(good, "\"width\": 64",
                        "\"width\": 65, "
                        "\"head_width\": 65"),
                "'vision_cfg.width' of a ResNet is odd");
  ExpectRefused(Changed(good, "224", "225"),
                "'vision_cfg.image_size' of a ResNet is no multiple of 32");
}

TEST(OpenClipConfigTest, NamesArchitecturesThatKeelDoesNotHave) {
  ExpectRefused(
      Changed(R"("patch_size": 32)", R"("patch_size": 32, "pool_type": "avg")"),
      "'vision_cfg.pool_type' is \"avg\": not supported");
  ExpectRefused(Changed(R"("patch_size": 32)",
                        R"("patch_size": 32, "timm_model_name": "vit_base")"),
                "'vision_cfg.timm_model_name' is");
  ExpectRefused(
      Changed(R"("heads": 8)", R"("heads": 8, "hf_model_name": "roberta")"),
      "'text_cfg.hf_model_name' is \"roberta\": not supported");
  ExpectRefused(Changed(R"("quick_gelu": true)", R"("custom_text": true)"),
                "'custom_text' is true: not supported");
  // A way to pool images is none to pool texts.
  for (const char* pool : {"tok", "last", "eos"}) {
    ExpectRefused(Changed(R"("heads": 8)", R"("heads": 8, "pool_type": ")" +
                                               std::string(pool) + "\""),
                  "'text_cfg.pool_type' is");
  }
  ExpectRefused(Changed(R"("patch_size": 32)",
                        R"("patch_size": 32, "pool_type": "argmax")"),
                "'vision_cfg.pool_type' is");
}

TEST(OpenClipConfigTest, NamesWhatIsMissingOrMistyped) {
  ExpectRefused("{", "m.json: not a JSON object");
  ExpectRefused("[]", "m.json: not a JSON object");
  ExpectRefused("{}", "'embed_dim' is missing");
  ExpectRefused(R"({"model_cfg": 3})", "'model_cfg' is not an object");
  ExpectRefused(R"({"model_cfg": {"embed_dim": 8}})",
                "'model_cfg.vision_cfg' is missing");
  ExpectRefused(R"({"embed_dim": 8, "vision_cfg": null, "text_cfg": {}})",
                "'vision_cfg' is missing");
  ExpectRefused(R"({"embed_dim": 8, "vision_cfg": {}, "text_cfg": []})",
                "'text_cfg' is not an object");
  ExpectRefused(Changed("512,", "\"512\","),
                "'embed_dim' is \"512\", not a whole number from 1 to 16384");
  ExpectRefused(Changed("true", "1"), "'quick_gelu' is 1, not a boolean");
  ExpectRefused(Changed("\"width\": 768", "\"width\": 770"),
                "'vision_cfg.head_width' is 64, which does not divide 770");
  ExpectRefused(Changed("\"patch_size\": 32", "\"patch_size\": 30"),
                "'vision_cfg.patch_size' is 30, which does not divide the "
                "image_size 224");
  ExpectRefused(Changed("\"heads\": 8", "\"heads\": 7"),
                "'text_cfg.heads' is 7, which does not divide the width 512");
}

TEST(OpenClipConfigTest, RefusesSizesThatNoMachineHolds) {
  ExpectRefused(Changed("\"layers\": 12, \"width\": 768", "\"layers\": 257"),
                "'vision_cfg.layers' is 257, not a whole number from 1 to 256");
  ExpectRefused(Changed("224", "18446744073709551615"),
                "'vision_cfg.image_size' is 18446744073709551615, not a whole "
                "number from 1 to 2048");
  ExpectRefused(Changed("\"width\": 512", "\"width\": 16385"),
                "'text_cfg.width' is 16385");
  ExpectRefused(Changed("49408", "49409"), "'text_cfg.vocab_size' is 49409");
  ExpectRefused(Changed("77", "4097"), "'text_cfg.context_length' is 4097");
  ExpectRefused(Changed("\"heads\": 8", "\"heads\": 512"),
                "'text_cfg.heads' is 512");
  ExpectRefused(Changed("512,", "99999,"), "'embed_dim' is 99999");
  ExpectRefused(Changed("\"heads\": 8", "\"heads\": 8, \"mlp_ratio\": 65"),
                "'text_cfg.mlp_ratio' is 65, not a number from 1/width to 64");
  ExpectRefused(
      Changed("\"patch_size\": 32", "\"patch_size\": 32, \"head_width\": 2"),
      "'vision_cfg.head_width' is 2, which makes 384 heads, more than 256");
}

TEST(OpenClipConfigTest, RefusesSizesThatLeaveNothing) {
  ExpectRefused(Changed("\"layers\": 12, \"width\": 768", "\"layers\": 0"),
                "'vision_cfg.layers' is 0");
  // No place between the start and the end of a text.
  ExpectRefused(Changed("77", "2"),
                "'text_cfg.context_length' is 2, not a whole number from 3");
  ExpectRefused(Changed("\"heads\": 8", "\"heads\": 8, \"mlp_ratio\": 0.0019"),
                "'text_cfg.mlp_ratio' is 0.0019, not a number from 1/width");
}

TEST(OpenClipConfigTest, RefusesAnotherPreprocessing) {
  const auto with = [](const std::string& entry) {
    return "{\"preprocess_cfg\": {" + entry + "}, \"model_cfg\": " + kVitB32 +
           "}";
  };
  ExpectRefused(with(R"("mean": [0.5, 0.5, 0.5])"),
                "'preprocess_cfg.mean' is [0.5,0.5,0.5]: not supported");
  ExpectRefused(with(R"("std": [0.5, 0.5, 0.5])"), "'preprocess_cfg.std' is");
  ExpectRefused(with(R"("mode": "L")"), "'preprocess_cfg.mode' is \"L\": not");
  ExpectRefused(with(R"("interpolation": "bilinear")"),
                "'preprocess_cfg.interpolation' is \"bilinear\": not supported "
                "by this version, which takes \"bicubic\"");
  ExpectRefused(with(R"("resize_mode": "squash")"),
                "'preprocess_cfg.resize_mode' is \"squash\": not");
  // OpenCLIP itself takes the size from the model, and fills nothing.
  EXPECT_EQ(Read(with(R"("size": 99, "fill_color": 1, "mode": "RGB",
                          "interpolation": "bicubic", "mean": null,
                          "resize_mode": "shortest")")),
            Read(kVitB32));
}

TEST(OpenClipConfigTest, ReadsWhatItWrites) {
  ModelConfig transformer{.quick_gelu = false};
  transformer.vision.mlp_ratio = 2.5;
  transformer.text.layers = 5;
  EXPECT_EQ(Read(OpenClipConfigJson(transformer)), transformer);
  ModelConfig resnet;
  resnet.vision = {
      .image_size = 288, .width = 80, .heads = 40, .blocks = {4, 6, 10, 6}};
  EXPECT_EQ(Read(OpenClipConfigJson(resnet)), resnet);
  resnet.vision.width = 768;
  resnet.vision.heads = 1;
  EXPECT_EQ(Read(OpenClipConfigJson(resnet)), resnet);
}

TEST(OpenClipConfigTest, NamesWhereTwoArchitecturesDiffer) {
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

TEST(OpenClipConfigTest, NamesWhereAResNetDiffers) {
  ModelConfig stream;
  stream.vision = {
      .image_size = 288, .width = 80, .heads = 40, .blocks = {4, 6, 9, 6}};
  ModelConfig file = stream;
  file.vision.blocks[2] = 10;
  EXPECT_EQ(RequireSameArchitecture(file, stream).message(),
            "vision_cfg.layers is [4,6,10,6], the stream's model has "
            "[4,6,9,6]");
  ModelConfig transformer;
  transformer.vision.image_size = 288;
  EXPECT_EQ(RequireSameArchitecture(transformer, stream).message(),
            "vision_cfg.layers is 4, the stream's model has [4,6,9,6]");
}

}  // namespace
}  // namespace keel
