#include "worker/model/linear.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/testing/tensor_error.h"

namespace keel {
namespace {

using testing::TensorError;

at::Tensor Random(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kFloat)
      .requires_grad_(true);
}

// Compares the layer and its three gradients with at::linear in float64.
void ExpectLinear(const at::Tensor& x, const Affine& layer) {
  const auto wide = [](const at::Tensor& y) {
    return y.defined() ? y.detach().to(at::kDouble).requires_grad_(true) : y;
  };
  const at::Tensor x64 = wide(x), weight = wide(layer.weight),
                   bias = wide(layer.bias);
  const at::Tensor expected = at::linear(x64, weight, bias);
  const at::Tensor actual = Linear(x, layer);
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LT(TensorError(actual, expected), 1e-6);
  expected.sin().sum().backward();
  actual.sin().sum().backward();
  EXPECT_LT(TensorError(x.grad(), x64.grad()), 3e-6);
  EXPECT_LT(TensorError(layer.weight.grad(), weight.grad()), 3e-6);
  if (bias.defined()) {
    EXPECT_LT(TensorError(layer.bias.grad(), bias.grad()), 3e-6);
  }
}

TEST(LinearTest, IsTheProductWithTheGradientsOfOne) {
  ExpectLinear(Random({5, 7, 24}, 1), {Random({40, 24}, 2), Random({40}, 3)});
  ExpectLinear(Random({33, 16}, 4), {Random({9, 16}, 5), Random({9}, 6)});
}

TEST(LinearTest, DoesWithoutABias) {
  ExpectLinear(Random({4, 3, 8}, 1), {Random({6, 8}, 2), {}});
}

TEST(LinearTest, TakesViewsOfAnyLayout) {
  const at::Tensor x = Random({7, 5, 24}, 1);
  const at::Tensor weight = Random({120, 24}, 2), bias = Random({120}, 3);
  const at::Tensor actual = Linear(
      x.transpose(0, 1), {weight.narrow(0, 40, 80), bias.narrow(0, 40, 80)});
  const at::Tensor expected = at::linear(
      x.transpose(0, 1), weight.narrow(0, 40, 80), bias.narrow(0, 40, 80));
  EXPECT_LT(TensorError(actual, expected), 1e-6);
  actual.square().sum().backward();
  const at::Tensor grad = weight.grad().clone();
  weight.mutable_grad().reset();
  expected.square().sum().backward();
  EXPECT_LT(TensorError(grad, weight.grad()), 3e-6);
}

// Autocast to bfloat16 on CPUs while it lives.
class Bf16 {
 public:
  Bf16() {
    at::autocast::set_autocast_enabled(at::kCPU, true);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~Bf16() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
};

TEST(LinearTest, WorksInAutocastsType) {
  const at::Tensor x = Random({4, 3, 8}, 1);
  const Affine layer{Random({6, 8}, 2), Random({6}, 3)};
  at::Tensor y;
  {
    const Bf16 bf16;
    y = Linear(x, layer);
  }
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_LT(
      TensorError(y.to(at::kFloat), at::linear(x, layer.weight, layer.bias)),
      2e-2);
  y.to(at::kFloat).sum().backward();
  EXPECT_EQ(layer.weight.grad().scalar_type(), at::kFloat);
  EXPECT_EQ(Linear(x, layer).scalar_type(), at::kFloat);
}

TEST(LinearTest, TakesNoRowsAndOtherTypes) {
  EXPECT_EQ(
      Linear(at::zeros({0, 4, 8}), {at::zeros({6, 8}), at::zeros({6})}).sizes(),
      at::IntArrayRef({0, 4, 6}));
  const at::Tensor x = at::ones({2, 8}, at::kDouble);
  EXPECT_EQ(Linear(x, {at::ones({6, 8}, at::kDouble), {}}).scalar_type(),
            at::kDouble);
}

TEST(LinearTest, GivesTheSameBitsTwice) {
  const at::Tensor x = Random({64, 48}, 1);
  const Affine layer{Random({96, 48}, 2), Random({96}, 3)};
  EXPECT_TRUE(at::equal(Linear(x, layer), Linear(x, layer)));
}

}  // namespace
}  // namespace keel
