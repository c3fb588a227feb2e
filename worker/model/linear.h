// Linear layers.
//
// On CPUs the products go to oneDNN, which at::linear leaves to MKL in fp32:
// where MKL does not use all of the processor (AVX-512 on AMD) that is more
// than twice as fast (docs/decisions), elsewhere as fast. LibTorch's switch
// at::globalContext().setUserEnabledMkldnn(false) goes back to MKL. Under
// autocast at::linear is called, which works in autocast's type.
#ifndef KEEL_WORKER_MODEL_LINEAR_H_
#define KEEL_WORKER_MODEL_LINEAR_H_

#include <ATen/ATen.h>

namespace keel {

// Weight and bias of a linear layer or a norm.
struct Affine {
  at::Tensor weight;
  at::Tensor bias;
};

// x weight^t + bias over the last axis of `x`; an undefined bias is none.
// Differentiable, once.
at::Tensor Linear(const at::Tensor& x, const Affine& layer);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_LINEAR_H_
