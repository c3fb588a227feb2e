// How far a tensor is from its reference.
#ifndef KEEL_TESTS_TESTING_TENSOR_ERROR_H_
#define KEEL_TESTS_TESTING_TENSOR_ERROR_H_

#include <ATen/ATen.h>

namespace keel::testing {

// Largest difference over largest reference; of a zero reference the largest
// difference. NaN if there is one.
inline double TensorError(const at::Tensor& actual,
                          const at::Tensor& expected) {
  const at::Tensor reference = expected.detach().to(at::kCPU, at::kDouble);
  const at::Tensor difference =
      actual.detach().to(at::kCPU, at::kDouble).reshape_as(reference) -
      reference;
  const double scale = reference.abs().max().item<double>();
  const double error = difference.abs().max().item<double>();
  return scale > 0 ? error / scale : error;
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_TENSOR_ERROR_H_
