// CLIP written out plainly in float64: every position of every layer, soft
// attention from its definition, the convolution as a convolution.
#ifndef KEEL_TESTS_WORKER_MODEL_REFERENCE_CLIP_H_
#define KEEL_TESTS_WORKER_MODEL_REFERENCE_CLIP_H_

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "worker/model/clip_model.h"

namespace keel::testing {

class ReferenceClip {
 public:
  explicit ReferenceClip(const ClipModel& model) : model_(model) {}

  at::Tensor EncodeImage(const at::Tensor& images) const {
    const ModelConfig::Vision& vision = model_.config().vision;
    const at::Tensor grid =
        at::conv2d(images.to(at::kDouble), Get("visual.conv1.weight"),
                   std::nullopt, vision.patch_size);
    const at::Tensor start =
        Get("visual.class_embedding").expand({images.size(0), 1, vision.width});
    const at::Tensor x = at::cat({start, grid.flatten(2).transpose(1, 2)}, 1) +
                         Get("visual.positional_embedding");
    const at::Tensor y = Blocks(Norm(x, "visual.ln_pre"), "visual.",
                                vision.layers, vision.heads, false);
    return at::matmul(Norm(y, "visual.ln_post").select(1, 0),
                      Get("visual.proj"));
  }

  // Pads to the full context first.
  at::Tensor EncodeText(const at::Tensor& tokens) const {
    const ModelConfig::Text& text = model_.config().text;
    const at::Tensor full = at::constant_pad_nd(
        tokens, {0, text.context_length - tokens.size(1)}, 0);
    const at::Tensor x = at::embedding(Get("token_embedding.weight"), full) +
                         Get("positional_embedding");
    const at::Tensor y =
        Norm(Blocks(x, "", text.layers, text.heads, true), "ln_final");
    const at::Tensor rows = at::arange(tokens.size(0), at::kLong);
    return at::matmul(y.index({rows, full.argmax(1)}), Get("text_projection"));
  }

 private:
  at::Tensor Get(const std::string& name) const {
    return model_.Get(name).to(at::kDouble);
  }

  at::Tensor Norm(const at::Tensor& x, const std::string& name) const {
    const at::Tensor centred = x - x.mean({-1}, true);
    const at::Tensor variance = centred.square().mean({-1}, true);
    return centred / (variance + 1e-5).sqrt() * Get(name + ".weight") +
           Get(name + ".bias");
  }

  at::Tensor Linear(const at::Tensor& x, const std::string& name,
                    const char* joint = ".") const {
    return at::matmul(x, Get(name + joint + "weight").t()) +
           Get(name + joint + "bias");
  }

  at::Tensor Attention(const at::Tensor& x, const std::string& block, int heads,
                       bool causal) const {
    const int64_t n = x.size(0), length = x.size(1), size = x.size(2) / heads;
    const auto split = [&](const at::Tensor& y) {
      return y.reshape({n, length, heads, size}).transpose(1, 2);
    };
    const auto qkv = Linear(x, block + "attn.in_proj", "_").chunk(3, 2);
    at::Tensor score =
        at::matmul(split(qkv[0]), split(qkv[1]).transpose(2, 3)) /
        std::sqrt(static_cast<double>(size));
    if (causal) {
      const at::Tensor later = at::ones({length, length}, at::kBool).triu(1);
      score =
          score.masked_fill(later, -std::numeric_limits<double>::infinity());
    }
    const at::Tensor mixed = at::matmul(score.softmax(-1), split(qkv[2]));
    return Linear(mixed.transpose(1, 2).reshape({n, length, heads * size}),
                  block + "attn.out_proj");
  }

  at::Tensor Mlp(const at::Tensor& x, const std::string& block) const {
    const at::Tensor h = Linear(x, block + "mlp.c_fc");
    const at::Tensor gate = model_.config().quick_gelu
                                ? (1.702 * h).sigmoid()
                                : 0.5 * (1 + at::erf(h / std::sqrt(2.0)));
    return Linear(h * gate, block + "mlp.c_proj");
  }

  at::Tensor Blocks(at::Tensor x, const std::string& prefix, int layers,
                    int heads, bool causal) const {
    for (int i = 0; i < layers; ++i) {
      const std::string block =
          prefix + "transformer.resblocks." + std::to_string(i) + ".";
      x = x + Attention(Norm(x, block + "ln_1"), block, heads, causal);
      x = x + Mlp(Norm(x, block + "ln_2"), block);
    }
    return x;
  }

  const ClipModel& model_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_WORKER_MODEL_REFERENCE_CLIP_H_
