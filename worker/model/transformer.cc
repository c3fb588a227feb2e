#include "worker/model/transformer.h"

#include <functional>
#include <optional>
#include <utility>

#include "worker/model/linear.h"

namespace keel {
namespace {

using Pool = std::function<at::Tensor(const at::Tensor&)>;

Affine Rows(const Affine& layer, int64_t begin, int64_t count) {
  return {layer.weight.narrow(0, begin, count),
          layer.bias.narrow(0, begin, count)};
}

at::Tensor Mlp(const at::Tensor& x, const ResidualBlock& block,
               bool quick_gelu) {
  const at::Tensor hidden = Linear(x, block.c_fc);
  if (!quick_gelu) return Linear(at::gelu(hidden), block.c_proj);
  // h sigmoid(1.702 h) in the form that has a fused kernel both ways.
  constexpr double kSlope = 1.702;
  return Linear(at::silu(hidden * kSlope) * (1 / kSlope), block.c_proj);
}

// [N, L, parts * W] -> `parts` tensors [N, heads, L, W / heads].
std::vector<at::Tensor> Heads(const at::Tensor& x, int parts, int heads) {
  const int64_t size = x.size(2) / (parts * heads);
  return x.view({x.size(0), x.size(1), parts, heads, size})
      .permute({2, 0, 3, 1, 4})
      .unbind(0);
}

// [N, heads, L, size] -> [N, L, heads * size].
at::Tensor Merge(const at::Tensor& x) { return x.transpose(1, 2).flatten(2); }

at::Tensor FullBlock(const at::Tensor& x, const ResidualBlock& block,
                     const Transformer& transformer, bool causal) {
  const at::Tensor projected = Linear(Normalize(x, block.ln_1), block.in_proj);
  const std::vector<at::Tensor> qkv = Heads(projected, 3, transformer.heads);
  const at::Tensor attended = at::scaled_dot_product_attention(
      qkv[0], qkv[1], qkv[2], std::nullopt, 0.0, causal);
  const at::Tensor y = x + Linear(Merge(attended), block.out_proj);
  return y + Mlp(Normalize(y, block.ln_2), block, transformer.quick_gelu);
}

// The block's output where `pool` ([N, L, W] -> [N, 1, W]) looks.
at::Tensor PooledBlock(const at::Tensor& x, const ResidualBlock& block,
                       const Transformer& transformer, const Pool& pool,
                       const std::optional<at::Tensor>& mask) {
  const int64_t width = x.size(2);
  const at::Tensor normal = Normalize(x, block.ln_1);
  const at::Tensor query = Linear(pool(normal), Rows(block.in_proj, 0, width));
  const at::Tensor rest = Linear(normal, Rows(block.in_proj, width, 2 * width));
  const std::vector<at::Tensor> kv = Heads(rest, 2, transformer.heads);
  const at::Tensor attended = at::scaled_dot_product_attention(
      Heads(query, 1, transformer.heads)[0], kv[0], kv[1], mask);
  const at::Tensor y = pool(x) + Linear(Merge(attended), block.out_proj);
  return y + Mlp(Normalize(y, block.ln_2), block, transformer.quick_gelu);
}

at::Tensor Run(const Transformer& transformer, at::Tensor x, bool causal,
               const Pool& pool, const std::optional<at::Tensor>& mask) {
  for (size_t i = 0; i + 1 < transformer.blocks.size(); ++i) {
    x = FullBlock(x, transformer.blocks[i], transformer, causal);
  }
  return PooledBlock(x, transformer.blocks.back(), transformer, pool, mask)
      .squeeze(1);
}

}  // namespace

at::Tensor Normalize(const at::Tensor& x, const Affine& norm) {
  return at::layer_norm(x, norm.weight.sizes(), norm.weight, norm.bias, 1e-5);
}

at::Tensor PoolFirst(const Transformer& transformer, at::Tensor x) {
  const Pool pool = [](const at::Tensor& y) { return y.narrow(1, 0, 1); };
  return Run(transformer, std::move(x), false, pool, std::nullopt);
}

at::Tensor PoolCausal(const Transformer& transformer, at::Tensor x,
                      const at::Tensor& positions) {
  const at::Tensor where = positions.view({-1, 1, 1});
  const Pool pool = [&where](const at::Tensor& y) {
    return y.gather(1, where.expand({-1, 1, y.size(2)}));
  };
  const at::Tensor mask =
      at::arange(x.size(1), positions.options()).le(where).unsqueeze(1);
  return Run(transformer, std::move(x), true, pool, mask);
}

}  // namespace keel
