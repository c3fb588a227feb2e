// CLIP's residual attention blocks, up to the one position that is pooled.
//
// CLIP reads a single position of its last block, so that block computes its
// queries, its projection and its MLP for that position alone: the same
// numbers, and gradients, for a part of the work.
#ifndef KEEL_WORKER_MODEL_TRANSFORMER_H_
#define KEEL_WORKER_MODEL_TRANSFORMER_H_

#include <ATen/ATen.h>

#include <vector>

#include "worker/model/linear.h"

namespace keel {

struct ResidualBlock {
  Affine ln_1;
  Affine in_proj;
  Affine out_proj;
  Affine ln_2;
  Affine c_fc;
  Affine c_proj;
};

struct Transformer {
  int heads = 1;
  bool quick_gelu = true;
  std::vector<ResidualBlock> blocks;  // at least one
};

// LayerNorm over the last axis, epsilon 1e-5.
at::Tensor Normalize(const at::Tensor& x, const Affine& norm);

// `x` [N, L, W] -> the first position of the last block's output, [N, W].
// Every position attends to all.
at::Tensor PoolFirst(const Transformer& transformer, at::Tensor x);

// `x` [N, L, W], `positions` [N] int64 -> the last block's output at each
// row's position, [N, W]. A position attends to itself and those before it.
at::Tensor PoolCausal(const Transformer& transformer, at::Tensor x,
                      const at::Tensor& positions);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_TRANSFORMER_H_
