#include "worker/model/resnet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/small_model.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/model/reference_resnet.h"
#include "worker/model/clip_model.h"

namespace keel {
namespace {

using testing::RandomImages;
using testing::ReferenceResNet;
using testing::SmallResNet;
using testing::TensorError;

// No two channels alike, no norm of weight zero.
ClipModel Model() {
  ClipModel model = ClipModel::Random(SmallResNet(), 3);
  for (const NamedTensor& t : model.state()) {
    if (t.tensor.dim() != 1) continue;
    const at::Tensor noise =
        at::rand(t.tensor.sizes(), at::detail::createCPUGenerator(7));
    t.tensor.copy_(t.name.ends_with("running_mean") ? noise * 0.2 - 0.1
                                                    : noise + 0.5);
  }
  model.RequireGrad(true);
  return model;
}

BatchNormSyncPtr Alone() {
  return c10::make_intrusive<BatchNormSync>(
      [](const at::Tensor&) { return absl::OkStatus(); });
}

// Gradients of the image tower's parameters from one pass.
std::vector<NamedTensor> Gradients(const ClipModel& model,
                                   const at::Tensor& embeddings) {
  for (const NamedTensor& p : model.parameters()) {
    p.tensor.mutable_grad().reset();
  }
  embeddings.to(at::kDouble).sin().sum().backward();
  std::vector<NamedTensor> gradients;
  for (const NamedTensor& p : model.parameters()) {
    if (p.tensor.grad().defined()) {
      gradients.push_back({p.name, p.tensor.grad().clone()});
    }
  }
  return gradients;
}

// By the batch's statistics, or by those that were learnt.
class ResNetModeTest : public ::testing::TestWithParam<bool> {};

TEST_P(ResNetModeTest, IsThePlainComputation) {
  const ClipModel model = Model();
  const at::Tensor images = RandomImages(6, 64, 1);
  const BatchNormSyncPtr sync = GetParam() ? Alone() : nullptr;
  ReferenceResNet plain(model, GetParam());
  const at::Tensor expected = plain.EncodeImage(images);
  const at::Tensor actual = model.EncodeImage(images, sync);
  EXPECT_LT(TensorError(actual, expected), 5e-6);
  const auto gradients = Gradients(model, actual);
  const auto references = Gradients(model, expected);
  ASSERT_EQ(gradients.size(), references.size());
  double value_bias = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const std::string& name = gradients[i].name;
    if (KeyBiasOf(name, gradients[i].tensor).defined()) {
      // Zero but for rounding.
      EXPECT_LT(gradients[i].tensor.abs().max().item<double>(), 1e-5) << name;
      continue;
    }
    // Those of query and key are small differences: 4e-5 with two threads.
    EXPECT_LT(TensorError(gradients[i].tensor, references[i].tensor), 1e-4)
        << name;
    if (name == "visual.attnpool.v_proj.bias") {
      value_bias = gradients[i].tensor.abs().max().item<double>();
    }
  }
  EXPECT_GT(value_bias, 0.1);  // what the key bias is zero against
  if (sync != nullptr) sync->Commit(at::zeros({}));
  for (const NamedTensor& b : model.buffers()) {
    if (b.name.ends_with("num_batches_tracked")) {
      EXPECT_EQ(b.tensor.item<int64_t>(), GetParam() ? 1 : 0) << b.name;
    } else {
      EXPECT_LT(TensorError(b.tensor, plain.running.at(b.name)), 1e-5)
          << b.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Statistics, ResNetModeTest, ::testing::Bool());

TEST(ResNetTest, EncodesAnEmptyBatchForwardAndBackward) {
  const ClipModel model = Model();
  const at::Tensor none = at::zeros({0, 3, 64, 64});
  EXPECT_EQ(model.EncodeImage(none).sizes(), at::IntArrayRef({0, 16}));
  int sums = 0;
  const auto sync =
      c10::make_intrusive<BatchNormSync>([&sums](const at::Tensor&) {
        ++sums;
        return absl::OkStatus();
      });
  Gradients(model, model.EncodeImage(none, sync));
  // Two forward and one backward for each norm, which has three buffers.
  EXPECT_EQ(sums, static_cast<int>(model.buffers().size()));
}

TEST(ResNetTest, NeedsNoCountOfBatches) {
  std::vector<NamedTensor> tensors = Model().state();
  std::erase_if(tensors, [](const NamedTensor& t) {
    return t.name.ends_with("num_batches_tracked");
  });
  const auto model = ClipModel::FromTensors(SmallResNet(), tensors);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->Get("visual.bn1.num_batches_tracked").item<int64_t>(), 0);
  std::erase_if(tensors, [](const NamedTensor& t) {
    return t.name == "visual.bn1.running_var";
  });
  EXPECT_EQ(ClipModel::FromTensors(SmallResNet(), tensors).status().message(),
            "tensors do not fit the model; missing: visual.bn1.running_var");
}

TEST(ResNetTest, LeavesItsKeyBiasAlone) {
  const ClipModel model = Model();
  Gradients(model, model.EncodeImage(RandomImages(2, 64, 1)));
  ZeroKeyBiasGradients(model);
  const auto largest = [&model](const char* name) {
    return model.Get(name).grad().abs().max().item<float>();
  };
  EXPECT_EQ(largest("visual.attnpool.k_proj.bias"), 0);
  EXPECT_GT(largest("visual.attnpool.v_proj.bias"), 0);
}

}  // namespace
}  // namespace keel
