#include "worker/model/batch_norm.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "tests/testing/member_threads.h"
#include "tests/testing/tensor_error.h"

namespace keel {
namespace {

using testing::TensorError;

constexpr int64_t kChannels = 3;

// Values from formulas: threads share no generator. Far from a mean of zero.
at::Tensor Values(std::vector<int64_t> shape, double factor, double offset) {
  const int64_t count = std::accumulate(shape.begin(), shape.end(), int64_t{1},
                                        std::multiplies<>());
  return at::arange(count, at::kDouble)
      .mul(factor)
      .sin()
      .add(offset)
      .to(at::kFloat)
      .view(shape);
}

BatchNorm MakeLayer() {
  return {{Values({kChannels}, 0.7, 1.5).requires_grad_(true),
           Values({kChannels}, 0.9, 0).requires_grad_(true)},
          Values({kChannels}, 1.3, 0.2),
          Values({kChannels}, 0.4, 2),
          at::full({}, 7, at::kLong)};
}

struct Outcome {
  at::Tensor output;
  at::Tensor input_gradient;
  at::Tensor weight_gradient;
  at::Tensor bias_gradient;
  BatchNorm layer;
};

at::Tensor Inputs() { return Values({5, kChannels, 4, 2}, 0.37, 30); }
at::Tensor Cotangents() { return Values({5, kChannels, 4, 2}, 0.83, 0.1); }

// One step of PyTorch's layer over the whole batch, in float64.
Outcome Reference() {
  BatchNorm layer = MakeLayer();
  for (at::Tensor* t : {&layer.affine.weight, &layer.affine.bias}) {
    *t = t->detach().to(at::kDouble).requires_grad_(true);
  }
  layer.running_mean = layer.running_mean.to(at::kDouble);
  layer.running_var = layer.running_var.to(at::kDouble);
  const at::Tensor x = Inputs().to(at::kDouble).requires_grad_(true);
  const at::Tensor y = at::batch_norm(
      x, layer.affine.weight, layer.affine.bias, layer.running_mean,
      layer.running_var, /*training=*/true, 0.1, 1e-5, /*cudnn_enabled=*/false);
  (y * Cotangents()).sum().backward();
  return {y, x.grad(), layer.affine.weight.grad(), layer.affine.bias.grad(),
          layer};
}

Outcome RunMember(Communicator& group, int64_t begin, int64_t count,
                  const at::Tensor& skip) {
  const BatchNorm layer = MakeLayer();
  const at::Tensor x =
      Inputs().narrow(0, begin, count).clone().requires_grad_(true);
  const auto sync = c10::make_intrusive<BatchNormSync>(
      [&group](const at::Tensor& t) { return group.AllReduceSum(t); });
  const at::Tensor y = Normalize(x, layer, sync);
  (y * Cotangents().narrow(0, begin, count)).sum().backward();
  EXPECT_TRUE(sync->status().ok()) << sync->status();
  sync->Commit(skip);
  sync->Commit(skip);  // the batch counts once
  return {y, x.grad(), layer.affine.weight.grad(), layer.affine.bias.grad(),
          layer};
}

// Rows of each member.
class BatchNormSyncTest
    : public ::testing::TestWithParam<std::vector<int64_t>> {};

TEST_P(BatchNormSyncTest, IsTheLayerOverTheWholeBatch) {
  const std::vector<int64_t>& rows = GetParam();
  const int world_size = static_cast<int>(rows.size());
  std::vector<Outcome> members(rows.size());
  testing::RunGroup(world_size, [&](Communicator& group) {
    const int64_t begin =
        std::accumulate(rows.begin(), rows.begin() + group.rank(), int64_t{0});
    members[group.rank()] =
        RunMember(group, begin, rows[group.rank()], at::zeros({}));
  });
  const Outcome whole = Reference();
  std::vector<at::Tensor> outputs, gradients;
  at::Tensor weight = at::zeros({kChannels}), bias = at::zeros({kChannels});
  for (const Outcome& member : members) {
    outputs.push_back(member.output);
    gradients.push_back(member.input_gradient);
    weight += member.weight_gradient;
    bias += member.bias_gradient;
    const BatchNorm& layer = member.layer;
    EXPECT_LT(TensorError(layer.running_mean, whole.layer.running_mean), 1e-6);
    EXPECT_LT(TensorError(layer.running_var, whole.layer.running_var), 1e-6);
    EXPECT_EQ(layer.batches.item<int64_t>(), 8);
  }
  // Inputs of 30 +- 1 have 2e-6 in their differences from the mean.
  EXPECT_LT(TensorError(at::cat(outputs), whole.output), 1e-5);
  EXPECT_LT(TensorError(at::cat(gradients), whole.input_gradient), 1e-5);
  EXPECT_LT(TensorError(weight, whole.weight_gradient), 1e-5);
  EXPECT_LT(TensorError(bias, whole.bias_gradient), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Slices, BatchNormSyncTest,
                         ::testing::Values(std::vector<int64_t>{5},
                                           std::vector<int64_t>{3, 2},
                                           std::vector<int64_t>{0, 5},
                                           std::vector<int64_t>{2, 0, 3},
                                           std::vector<int64_t>{1, 1, 3}));

TEST(BatchNormTest, ASkippedStepChangesNoStatistics) {
  const auto group = MakeSoloCommunicator();
  const BatchNorm before = MakeLayer();
  const BatchNorm after = RunMember(*group, 0, 5, at::ones({})).layer;
  EXPECT_TRUE(at::equal(after.running_mean, before.running_mean));
  EXPECT_TRUE(at::equal(after.running_var, before.running_var));
  EXPECT_EQ(after.batches.item<int64_t>(), 7);
}

TEST(BatchNormTest, AnEmptyBatchChangesNoStatistics) {
  const auto group = MakeSoloCommunicator();
  const BatchNorm before = MakeLayer();
  const Outcome empty = RunMember(*group, 0, 0, at::zeros({}));
  EXPECT_EQ(empty.output.sizes(), at::IntArrayRef({0, kChannels, 4, 2}));
  EXPECT_TRUE(at::equal(empty.layer.running_mean, before.running_mean));
  EXPECT_EQ(empty.layer.batches.item<int64_t>(), 7);
}

TEST(BatchNormTest, KeepsTheFirstFailureOfASum) {
  int sums = 0;
  const auto sync =
      c10::make_intrusive<BatchNormSync>([&sums](const at::Tensor&) {
        return absl::AbortedError(std::to_string(++sums));
      });
  const at::Tensor x = Inputs().requires_grad_(true);
  Normalize(x, MakeLayer(), sync).sum().backward();
  EXPECT_EQ(sync->status(), absl::AbortedError("1"));
  EXPECT_EQ(sums, 1);
}

TEST(BatchNormTest, WithoutABatchTakesWhatWasLearnt) {
  const BatchNorm layer = MakeLayer();
  const at::Tensor x = Inputs().to(at::kDouble);
  const auto channel = [](const at::Tensor& t) {
    return t.detach().to(at::kDouble).view({1, kChannels, 1, 1});
  };
  const at::Tensor expected = (x - channel(layer.running_mean)) /
                                  (channel(layer.running_var) + 1e-5).sqrt() *
                                  channel(layer.affine.weight) +
                              channel(layer.affine.bias);
  EXPECT_LT(TensorError(Normalize(Inputs(), layer, nullptr), expected), 1e-6);
  EXPECT_EQ(layer.batches.item<int64_t>(), 7);
}

}  // namespace
}  // namespace keel
