#include "worker/model/parameter_spec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <string>

namespace keel {
namespace {

ModelConfig VitB32() {
  ModelConfig config;
  config.embed_dim = 512;
  config.vision = {224, 32, 768, 12, 12, 4.0};
  config.text = {77, 49408, 512, 12, 8, 4.0};
  return config;
}

std::map<std::string, ParameterSpec> ByName(const ModelConfig& config) {
  std::map<std::string, ParameterSpec> specs;
  for (ParameterSpec& spec : ParameterSpecs(config)) {
    specs[spec.name] = std::move(spec);
  }
  return specs;
}

int64_t CountElements(const ModelConfig& config) {
  int64_t count = 0;
  for (const ParameterSpec& spec : ParameterSpecs(config)) {
    count += std::accumulate(spec.shape.begin(), spec.shape.end(), int64_t{1},
                             std::multiplies<>());
  }
  return count;
}

void ExpectStandardDeviation(const ModelConfig& config, const std::string& name,
                             double expected) {
  const at::Tensor x =
      DrawParameter(ByName(config).at(name), 5).to(at::kDouble);
  // Five standard errors of a standard deviation.
  const double tolerance = 5 / std::sqrt(2.0 * x.numel());
  EXPECT_NEAR(x.std().item<double>() / expected, 1, tolerance) << name;
  EXPECT_NEAR(x.mean().item<double>() / expected, 0,
              5 / std::sqrt(1.0 * x.numel()))
      << name;
}

TEST(ParameterSpecTest, CountsOpenAisParameters) {
  EXPECT_EQ(CountElements(VitB32()), 151'277'313);
}

ModelConfig ResNet(std::vector<int> blocks, int width, int image_size,
                   int embed_dim, int text_width) {
  ModelConfig config;
  config.embed_dim = embed_dim;
  config.vision = {.image_size = image_size,
                   .width = width,
                   .heads = width / 2,
                   .blocks = std::move(blocks)};
  config.text = {77, 49408, text_width, 12, text_width / 64, 4.0};
  return config;
}

// sum(p.numel() for p in open_clip.create_model(NAME).parameters()) of
// open_clip 3.3.0.
TEST(ParameterSpecTest, CountsOpenAisResNets) {
  EXPECT_EQ(CountElements(ResNet({3, 4, 6, 3}, 64, 224, 1024, 512)),
            102'007'137);
  EXPECT_EQ(CountElements(ResNet({3, 4, 23, 3}, 64, 224, 512, 512)),
            119'688'033);
  EXPECT_EQ(CountElements(ResNet({4, 6, 10, 6}, 80, 288, 640, 640)),
            178'300'601);
}

TEST(ParameterSpecTest, NamesAResNetsTensorsAsOpenClipDoes) {
  const ModelConfig config = ResNet({3, 4, 6, 3}, 64, 224, 1024, 512);
  const auto specs = ByName(config);
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(specs.at("visual.conv3.weight").shape, Shape({64, 32, 3, 3}));
  EXPECT_EQ(specs.at("visual.layer3.0.conv2.weight").shape,
            Shape({256, 256, 3, 3}));
  EXPECT_EQ(specs.at("visual.layer1.0.downsample.0.weight").shape,
            Shape({256, 64, 1, 1}));
  EXPECT_EQ(specs.count("visual.layer1.1.downsample.0.weight"), 0u);
  EXPECT_EQ(specs.at("visual.attnpool.positional_embedding").shape,
            Shape({50, 2048}));
  EXPECT_EQ(specs.at("visual.attnpool.c_proj.weight").shape,
            Shape({1024, 2048}));
  // A block starts as the identity; the stem does not.
  EXPECT_EQ(specs.at("visual.layer4.2.bn3.weight").scale, 0);
  EXPECT_EQ(specs.at("visual.layer4.2.bn2.weight").scale, 1);
  EXPECT_EQ(specs.at("visual.bn3.weight").scale, 1);
  ExpectStandardDeviation(config, "visual.attnpool.k_proj.weight",
                          1 / std::sqrt(2048.0));
  ExpectStandardDeviation(config, "visual.layer3.0.conv2.weight",
                          1 / std::sqrt(3.0 * 9 * 256));

  const std::vector<BufferSpec> buffers = BufferSpecs(config);
  EXPECT_EQ(buffers.size(), 3u * (3 + 16 * 3 + 4));
  EXPECT_EQ(buffers[1].name, "visual.bn1.running_var");
  EXPECT_EQ(buffers[1].initial, 1);
  EXPECT_EQ(buffers[2].name, "visual.bn1.num_batches_tracked");
  EXPECT_EQ(buffers[2].type, at::kLong);
  EXPECT_TRUE(BufferSpecs(VitB32()).empty());
}

TEST(ParameterSpecTest, NamesThePresetTinyAsOpenClipDoes) {
  const auto specs = ByName(ModelConfig());
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(specs.size(), 3u + 4 + 2 + 4 * 12 + 2 + 3 * 12 + 1 + 2);
  EXPECT_EQ(specs.at("positional_embedding").shape, Shape({32, 192}));
  EXPECT_EQ(specs.at("text_projection").shape, Shape({192, 128}));
  EXPECT_EQ(specs.at("logit_scale").shape, Shape());
  EXPECT_EQ(specs.at("visual.class_embedding").shape, Shape({192}));
  EXPECT_EQ(specs.at("visual.positional_embedding").shape, Shape({17, 192}));
  EXPECT_EQ(specs.at("visual.proj").shape, Shape({192, 128}));
  EXPECT_EQ(specs.at("visual.conv1.weight").shape, Shape({192, 3, 16, 16}));
  EXPECT_EQ(specs.at("visual.ln_pre.weight").shape, Shape({192}));
  EXPECT_EQ(specs.at("visual.ln_post.bias").shape, Shape({192}));
  EXPECT_EQ(specs.at("token_embedding.weight").shape, Shape({49408, 192}));
  EXPECT_EQ(specs.at("ln_final.weight").shape, Shape({192}));
  for (const char* block :
       {"visual.transformer.resblocks.3.", "transformer.resblocks.2."}) {
    const auto shape = [&](const char* name) {
      return specs.at(std::string(block) + name).shape;
    };
    EXPECT_EQ(shape("ln_1.weight"), Shape({192}));
    EXPECT_EQ(shape("attn.in_proj_weight"), Shape({576, 192}));
    EXPECT_EQ(shape("attn.in_proj_bias"), Shape({576}));
    EXPECT_EQ(shape("attn.out_proj.weight"), Shape({192, 192}));
    EXPECT_EQ(shape("attn.out_proj.bias"), Shape({192}));
    EXPECT_EQ(shape("ln_2.bias"), Shape({192}));
    EXPECT_EQ(shape("mlp.c_fc.weight"), Shape({768, 192}));
    EXPECT_EQ(shape("mlp.c_fc.bias"), Shape({768}));
    EXPECT_EQ(shape("mlp.c_proj.weight"), Shape({192, 768}));
    EXPECT_EQ(shape("mlp.c_proj.bias"), Shape({192}));
  }
}

TEST(ParameterSpecTest, DrawsWithOpenAisSpread) {
  const ModelConfig tiny;
  const double width = 1 / std::sqrt(192.0);
  ExpectStandardDeviation(tiny, "token_embedding.weight", 0.02);
  ExpectStandardDeviation(tiny, "positional_embedding", 0.01);
  ExpectStandardDeviation(tiny, "text_projection", width);
  ExpectStandardDeviation(tiny, "visual.proj", width);
  ExpectStandardDeviation(tiny, "visual.positional_embedding", width);
  const std::string text = "transformer.resblocks.1.";
  ExpectStandardDeviation(tiny, text + "attn.in_proj_weight", width);
  ExpectStandardDeviation(tiny, text + "attn.out_proj.weight",
                          width / std::sqrt(6.0));
  ExpectStandardDeviation(tiny, text + "mlp.c_fc.weight", 1 / std::sqrt(384.0));
  ExpectStandardDeviation(tiny, text + "mlp.c_proj.weight",
                          width / std::sqrt(6.0));
  const std::string image = "visual.transformer.resblocks.1.";
  ExpectStandardDeviation(tiny, image + "attn.in_proj_weight",
                          std::sqrt(6.0 / 768 / 3));
  ExpectStandardDeviation(tiny, image + "mlp.c_fc.weight",
                          width / std::sqrt(3.0));
  ExpectStandardDeviation(tiny, "visual.conv1.weight",
                          1 / std::sqrt(3.0 * 768));
}

TEST(ParameterSpecTest, StartsAtFixedValuesWhereOpenAiDoes) {
  const auto specs = ByName(ModelConfig());
  const auto drawn = [&](const char* name) {
    return DrawParameter(specs.at(name), 5);
  };
  EXPECT_FLOAT_EQ(drawn("logit_scale").item<float>(), std::log(1 / 0.07));
  EXPECT_TRUE(drawn("ln_final.weight").eq(1).all().item<bool>());
  EXPECT_TRUE(drawn("ln_final.bias").eq(0).all().item<bool>());
  EXPECT_TRUE(drawn("transformer.resblocks.0.attn.in_proj_bias")
                  .eq(0)
                  .all()
                  .item<bool>());
}

TEST(ParameterSpecTest, DrawsByKeyAlone) {
  const ParameterSpec spec{"a", {9}, ParameterSpec::Distribution::kNormal, 1.0};
  ParameterSpec longer = spec;
  longer.shape = {400};
  ParameterSpec other = spec;
  other.name = "b";
  const at::Tensor drawn = DrawParameter(spec, 1);
  EXPECT_TRUE(at::equal(drawn, DrawParameter(longer, 1).narrow(0, 0, 9)));
  EXPECT_FALSE(at::equal(drawn, DrawParameter(spec, 2)));
  EXPECT_FALSE(at::equal(drawn, DrawParameter(other, 1)));
}

}  // namespace
}  // namespace keel
