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

TEST(ParameterSpecTest, CountsOpenAisParameters) {
  EXPECT_EQ(CountElements(VitB32()), 151'277'313);
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
