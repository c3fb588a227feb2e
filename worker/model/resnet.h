// CLIP's image tower of convolutions: a residual network of bottlenecks (He et
// al., arXiv 1512.03385) with a stem of three convolutions, average pools in
// front of strided convolutions, which keep them from aliasing, and attention
// in place of the last pool (Radford et al., arXiv 2103.00020, section 2.4).
#ifndef KEEL_WORKER_MODEL_RESNET_H_
#define KEEL_WORKER_MODEL_RESNET_H_

#include <ATen/ATen.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "worker/model/batch_norm.h"
#include "worker/model/linear.h"
#include "worker/seam/config.h"

namespace keel {

// A convolution without a bias, and its norm.
struct NormedConvolution {
  at::Tensor weight;  // [out, in, side, side], side 1 or 3
  BatchNorm norm;
};

struct Bottleneck {
  NormedConvolution reduce;
  NormedConvolution middle;
  NormedConvolution expand;
  // Where the block changes shape.
  std::optional<NormedConvolution> shortcut;
  int stride = 1;  // of the pools
};

// Queries of the mean alone, over all places and the mean.
struct AttentionPool {
  at::Tensor positions;  // [places + 1, W]
  Affine query;
  Affine key;
  Affine value;
  Affine projection;
  int heads = 1;
};

struct ResNet {
  std::array<NormedConvolution, 3> stem;
  std::vector<Bottleneck> blocks;
  AttentionPool pool;
};

// The tensors of the tower, taken by their OpenCLIP names; `get` knows all.
ResNet MakeResNet(
    const ModelConfig::Vision& vision,
    const std::function<at::Tensor(const std::string& name)>& get);

// `images` [n, 3, S, S], S a multiple of 32 -> [n, D]. Normalises over the
// batch of `sync`; if that is null, by what was learnt.
at::Tensor Encode(const ResNet& tower, const at::Tensor& images,
                  const BatchNormSyncPtr& sync);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_RESNET_H_
