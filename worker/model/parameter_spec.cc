#include "worker/model/parameter_spec.h"

#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/mix.h"
#include "worker/model/resnet_spec.h"

namespace keel {
namespace {

using Distribution = ParameterSpec::Distribution;

// Scales of a transformer block's weights.
struct BlockScales {
  Distribution distribution = Distribution::kUniform;
  double in_proj = 0;
  double out_proj = 0;
  double c_fc = 0;
  double c_proj = 0;
};

// torch.nn: Xavier for in_proj, Kaiming with a = sqrt(5) for linear layers.
BlockScales TorchDefaults(int width, int mlp_width) {
  return {Distribution::kUniform, std::sqrt(6.0 / (4.0 * width)),
          1 / std::sqrt(width), 1 / std::sqrt(width), 1 / std::sqrt(mlp_width)};
}

BlockScales OpenAiScales(int width, int layers) {
  const double attention = 1 / std::sqrt(width);
  const double projection = attention / std::sqrt(2.0 * layers);
  return {Distribution::kNormal, attention, projection,
          1 / std::sqrt(2.0 * width), projection};
}

void AddNorm(const std::string& prefix, int64_t width,
             std::vector<ParameterSpec>& specs, double weight = 1) {
  specs.push_back(
      {prefix + ".weight", {width}, Distribution::kConstant, weight});
  specs.push_back({prefix + ".bias", {width}, Distribution::kConstant, 0.0});
}

void AddBlock(const std::string& prefix, int width, int mlp_width,
              const BlockScales& scales, std::vector<ParameterSpec>& specs) {
  const auto weight = [&](const char* name, int rows, int columns,
                          double scale) {
    specs.push_back(
        {prefix + name, {rows, columns}, scales.distribution, scale});
  };
  const auto bias = [&](const char* name, int size, double scale) {
    specs.push_back(
        {prefix + name,
         {size},
         scale > 0 ? Distribution::kUniform : Distribution::kConstant,
         scale});
  };
  AddNorm(prefix + "ln_1", width, specs);
  weight("attn.in_proj_weight", 3 * width, width, scales.in_proj);
  bias("attn.in_proj_bias", 3 * width, 0);
  weight("attn.out_proj.weight", width, width, scales.out_proj);
  bias("attn.out_proj.bias", width, 0);
  AddNorm(prefix + "ln_2", width, specs);
  weight("mlp.c_fc.weight", mlp_width, width, scales.c_fc);
  bias("mlp.c_fc.bias", mlp_width, 1 / std::sqrt(width));
  weight("mlp.c_proj.weight", width, mlp_width, scales.c_proj);
  bias("mlp.c_proj.bias", width, 1 / std::sqrt(mlp_width));
}

void AddBlocks(const std::string& prefix, int layers, int width, int mlp_width,
               const BlockScales& scales, std::vector<ParameterSpec>& specs) {
  for (int i = 0; i < layers; ++i) {
    AddBlock(absl::StrCat(prefix, "transformer.resblocks.", i, "."), width,
             mlp_width, scales, specs);
  }
}

void AddConvolution(const ConvolutionSpec& convolution,
                    std::vector<ParameterSpec>& specs) {
  const auto& [name, norm, in, out, side, closes_block] = convolution;
  // torch.nn: Kaiming with a = sqrt(5).
  specs.push_back({name + ".weight",
                   {out, in, side, side},
                   Distribution::kUniform,
                   1 / std::sqrt(in * side * side)});
  AddNorm(norm, out, specs, closes_block ? 0 : 1);
}

void AddAttentionPool(const ModelConfig& config,
                      std::vector<ParameterSpec>& specs) {
  const int64_t width = PooledWidth(config.vision);
  const int64_t grid = config.vision.image_size / 32;
  const double scale = 1 / std::sqrt(width);
  specs.push_back({"visual.attnpool.positional_embedding",
                   {grid * grid + 1, width},
                   Distribution::kNormal,
                   scale});
  for (const char* part : {"k_proj", "q_proj", "v_proj", "c_proj"}) {
    const std::string name = absl::StrCat("visual.attnpool.", part);
    const int64_t rows =
        std::string_view(part) == "c_proj" ? config.embed_dim : width;
    specs.push_back(
        {name + ".weight", {rows, width}, Distribution::kNormal, scale});
    specs.push_back({name + ".bias", {rows}, Distribution::kUniform, scale});
  }
}

void AddResNet(const ModelConfig& config, std::vector<ParameterSpec>& specs) {
  for (const ConvolutionSpec& convolution : ConvolutionSpecs(config.vision)) {
    AddConvolution(convolution, specs);
  }
  AddAttentionPool(config, specs);
}

void AddTransformer(const ModelConfig& config,
                    std::vector<ParameterSpec>& specs) {
  const ModelConfig::Vision& vision = config.vision;
  const int width = vision.width;
  const int mlp_width = static_cast<int>(width * vision.mlp_ratio);
  const int grid = vision.image_size / vision.patch_size;
  const double scale = 1 / std::sqrt(width);
  const int patch = vision.patch_size;
  specs.push_back(
      {"visual.class_embedding", {width}, Distribution::kNormal, scale});
  specs.push_back({"visual.positional_embedding",
                   {grid * grid + 1, width},
                   Distribution::kNormal,
                   scale});
  specs.push_back(
      {"visual.proj", {width, config.embed_dim}, Distribution::kNormal, scale});
  specs.push_back({"visual.conv1.weight",
                   {width, 3, patch, patch},
                   Distribution::kUniform,
                   1 / std::sqrt(3.0 * patch * patch)});
  AddNorm("visual.ln_pre", width, specs);
  AddBlocks("visual.", vision.layers, width, mlp_width,
            TorchDefaults(width, mlp_width), specs);
  AddNorm("visual.ln_post", width, specs);
}

uint64_t StreamKey(int64_t seed, std::string_view name) {
  uint64_t key = MixKey({static_cast<uint64_t>(seed)});
  for (unsigned char c : name) key = Mix64(key ^ c);
  return key;
}

// The SplitMix64 sequence that starts at a key, by index.
class Stream {
 public:
  explicit Stream(uint64_t key) : key_(key) {}
  // In [0, 1), 53 bits.
  double Uniform(uint64_t index) const {
    return static_cast<double>(Mix64(key_ + index * 0x9e3779b97f4a7c15u) >>
                               11) *
           0x1p-53;
  }

 private:
  const uint64_t key_;
};

void FillUniform(const Stream& stream, double scale, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(scale * (2 * stream.Uniform(i) - 1));
  }
}

// Box and Muller's transform: two uniforms give two normals.
void FillNormal(const Stream& stream, double scale, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += 2) {
    const double radius =
        scale * std::sqrt(-2 * std::log1p(-stream.Uniform(i)));
    const double angle = 2 * std::numbers::pi * stream.Uniform(i + 1);
    out[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < n) out[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

}  // namespace

std::vector<ParameterSpec> ParameterSpecs(const ModelConfig& config) {
  const ModelConfig::Text& text = config.text;
  const int width = text.width;
  const int mlp_width = static_cast<int>(width * text.mlp_ratio);
  std::vector<ParameterSpec> specs = {
      {"positional_embedding",
       {text.context_length, width},
       Distribution::kNormal,
       0.01},
      {"text_projection",
       {width, config.embed_dim},
       Distribution::kNormal,
       1 / std::sqrt(width)},
      {"logit_scale", {}, Distribution::kConstant, std::log(1 / 0.07)}};
  if (config.vision.blocks.empty()) {
    AddTransformer(config, specs);
  } else {
    AddResNet(config, specs);
  }
  AddBlocks("", text.layers, width, mlp_width, OpenAiScales(width, text.layers),
            specs);
  specs.push_back({"token_embedding.weight",
                   {text.vocab_size, width},
                   Distribution::kNormal,
                   0.02});
  AddNorm("ln_final", width, specs);
  return specs;
}

std::vector<BufferSpec> BufferSpecs(const ModelConfig& config) {
  std::vector<BufferSpec> specs;
  if (config.vision.blocks.empty()) return specs;
  for (const ConvolutionSpec& convolution : ConvolutionSpecs(config.vision)) {
    const std::string& norm = convolution.norm;
    specs.push_back({norm + ".running_mean", {convolution.out}, at::kFloat, 0});
    specs.push_back({norm + ".running_var", {convolution.out}, at::kFloat, 1});
    specs.push_back({norm + ".num_batches_tracked", {}, at::kLong, 0});
  }
  return specs;
}

at::Tensor DrawParameter(const ParameterSpec& spec, int64_t seed) {
  if (spec.distribution == Distribution::kConstant) {
    return at::full(spec.shape, spec.scale, at::kFloat);
  }
  const at::Tensor tensor = at::empty(spec.shape, at::kFloat);
  const Stream stream(StreamKey(seed, spec.name));
  const auto fill =
      spec.distribution == Distribution::kNormal ? FillNormal : FillUniform;
  fill(stream, spec.scale, tensor.data_ptr<float>(), tensor.numel());
  return tensor;
}

}  // namespace keel
