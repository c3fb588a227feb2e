#include "worker/model/clip_model.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/testing/small_model.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/model/reference_clip.h"

namespace keel {
namespace {

using testing::RandomImages;
using testing::RandomTokens;
using testing::ReferenceClip;
using testing::SmallModel;
using testing::TensorError;

// Gradients of all parameters after one backward pass through both towers.
std::vector<at::Tensor> Gradients(ClipModel& model, const at::Tensor& images,
                                  const at::Tensor& tokens, bool reference) {
  model.RequireGrad(true);
  for (const NamedTensor& p : model.parameters())
    p.tensor.mutable_grad().reset();
  const ReferenceClip plain(model);
  const at::Tensor image =
      reference ? plain.EncodeImage(images) : model.EncodeImage(images);
  const at::Tensor text =
      reference ? plain.EncodeText(tokens) : model.EncodeText(tokens);
  (image.to(at::kDouble).sin().sum() + text.to(at::kDouble).cos().sum())
      .backward();
  std::vector<at::Tensor> gradients;
  for (const NamedTensor& p : model.parameters()) {
    const at::Tensor& grad = p.tensor.grad();
    gradients.push_back(grad.defined() ? grad.clone()
                                       : at::zeros_like(p.tensor));
  }
  model.RequireGrad(false);
  return gradients;
}

class ClipModelForwardTest : public ::testing::TestWithParam<bool> {
 protected:
  ClipModel Model() const {
    ModelConfig config = SmallModel();
    config.quick_gelu = GetParam();
    return ClipModel::Random(config, 3);
  }
};

TEST_P(ClipModelForwardTest, EncodesAsThePlainComputationDoes) {
  const ClipModel model = Model();
  const at::Tensor images = RandomImages(5, 32, 1);
  const at::Tensor tokens = RandomTokens(7, 12, 2);
  const ReferenceClip plain(model);
  EXPECT_LT(TensorError(model.EncodeImage(images), plain.EncodeImage(images)),
            2e-6);
  EXPECT_LT(TensorError(model.EncodeText(tokens), plain.EncodeText(tokens)),
            2e-6);
}

TEST_P(ClipModelForwardTest, HasTheGradientsOfThePlainComputation) {
  ClipModel model = Model();
  const at::Tensor images = RandomImages(5, 32, 1);
  const at::Tensor tokens = RandomTokens(7, 12, 2);
  const auto actual = Gradients(model, images, tokens, false);
  const auto expected = Gradients(model, images, tokens, true);
  for (size_t i = 0; i < actual.size(); ++i) {
    const std::string& name = model.parameters()[i].name;
    at::Tensor a = actual[i], e = expected[i];
    if (const at::Tensor keys = KeyBiasOf(name, a); keys.defined()) {
      // Zero but for rounding; compared with the value bias's gradient.
      const double noise = keys.abs().max().item<double>();
      EXPECT_LT(noise, 1e-5 * a.abs().max().item<double>()) << name;
    }
    EXPECT_LT(TensorError(a, e), 1e-5) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Activations, ClipModelForwardTest, ::testing::Bool());

TEST(ClipModelTest, EncodesTheSameWithTrimmedText) {
  ClipModel model = ClipModel::Random(SmallModel(), 3);
  // The longest of these rows ends at column 7 of 12.
  const at::Tensor tokens = RandomTokens(3, 12, 5);
  const at::Tensor trimmed = tokens.narrow(1, 0, 8);
  EXPECT_LT(TensorError(model.EncodeText(trimmed), model.EncodeText(tokens)),
            1e-6);
  const at::Tensor images = RandomImages(3, 32, 6);
  const auto whole = Gradients(model, images, tokens, false);
  const auto cut = Gradients(model, images, trimmed, false);
  for (size_t i = 0; i < whole.size(); ++i) {
    const std::string& name = model.parameters()[i].name;
    if (KeyBiasOf(name, whole[i]).defined()) continue;
    EXPECT_LT(TensorError(cut[i], whole[i]), 1e-5) << name;
  }
}

TEST(ClipModelTest, EncodesAnEmptyBatch) {
  const ClipModel model = ClipModel::Random(SmallModel(), 3);
  EXPECT_EQ(model.EncodeImage(at::zeros({0, 3, 32, 32})).sizes(),
            at::IntArrayRef({0, 16}));
  EXPECT_EQ(model.EncodeText(at::zeros({0, 12}, at::kLong)).sizes(),
            at::IntArrayRef({0, 16}));
}

TEST(ClipModelTest, DrawsTheSameFromTheSameSeed) {
  const ClipModel a = ClipModel::Random(SmallModel(), 3);
  const ClipModel b = ClipModel::Random(SmallModel(), 3);
  const ClipModel c = ClipModel::Random(SmallModel(), 4);
  for (size_t i = 0; i < a.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(a.parameters()[i].tensor, b.parameters()[i].tensor));
  }
  EXPECT_FALSE(at::equal(a.Get("visual.proj"), c.Get("visual.proj")));
}

TEST(ClipModelTest, TakesTensorsInAnyOrderAndCopiesThem) {
  const ClipModel model = ClipModel::Random(SmallModel(), 3);
  std::vector<NamedTensor> tensors(model.parameters().rbegin(),
                                   model.parameters().rend());
  auto copy = ClipModel::FromTensors(SmallModel(), tensors);
  ASSERT_TRUE(copy.ok()) << copy.status();
  const at::Tensor before = copy->Get("visual.proj").clone();
  model.Get("visual.proj").zero_();
  EXPECT_TRUE(at::equal(copy->Get("visual.proj"), before));
  EXPECT_EQ(copy->parameters()[0].name, model.parameters()[0].name);
}

TEST(ClipModelTest, ListsEveryTensorThatDoesNotFit) {
  std::vector<NamedTensor> tensors =
      ClipModel::Random(SmallModel(), 3).parameters();
  for (NamedTensor& t : tensors) {
    if (t.name == "ln_final.bias") t.name = "ln_last.bias";
    if (t.name == "visual.proj") t.tensor = t.tensor.t();
    if (t.name == "text_projection") t.tensor = t.tensor.to(at::kByte);
    // Narrower floats are weights.
    if (t.name == "visual.class_embedding") t.tensor = t.tensor.to(at::kHalf);
  }
  const auto model = ClipModel::FromTensors(SmallModel(), tensors);
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  const std::string message(model.status().message());
  EXPECT_NE(message.find("missing: ln_final.bias"), std::string::npos)
      << message;
  EXPECT_NE(message.find("unexpected: ln_last.bias"), std::string::npos);
  EXPECT_NE(message.find("visual.proj [16, 24] in place of [24, 16]"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("of another type: text_projection Byte; unexpected"),
            std::string::npos)
      << message;
}

TEST(ClipModelTest, ListsAFewOfManyTensorsThatDoNotFit) {
  std::vector<NamedTensor> tensors =
      ClipModel::Random(SmallModel(), 3).parameters();
  ModelConfig wider = SmallModel();
  wider.text.width = 36;
  wider.text.layers = 4;
  for (int i = 0; i < 13; ++i) {
    tensors.push_back({"extra." + std::to_string(i), at::ones({1})});
  }
  tensors.push_back({"logit_scale", at::ones({})});
  const auto model = ClipModel::FromTensors(wider, tensors);
  const std::string message(model.status().message());
  const auto has = [&message](const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has("missing: transformer.resblocks.2.ln_1.weight, ");
  has("transformer.resblocks.2.mlp.c_fc.bias and 14 more; of another shape: ");
  has("text_projection [32, 16] in place of [36, 16]");
  has("unexpected: logit_scale again, extra.0, ");
  has(", extra.8 and 4 more");
  EXPECT_LT(message.size(), 2000u);
}

TEST(ClipModelTest, ExemptsVectorsAndTheScaleFromDecay) {
  const ClipModel model = ClipModel::Random(SmallModel(), 3);
  for (const NamedTensor& p : model.parameters()) {
    const bool exempt = p.name == "logit_scale" ||
                        p.name == "visual.class_embedding" ||
                        p.name.find("ln_") != std::string::npos ||
                        p.name.find("bias") != std::string::npos;
    EXPECT_EQ(IsExemptFromDecay(p), exempt) << p.name;
  }
}

TEST(ClipModelTest, ZeroesTheKeyBiasGradientsAlone) {
  ClipModel model = ClipModel::Random(SmallModel(), 3);
  ZeroKeyBiasGradients(model);  // no gradients yet
  model.RequireGrad(true);
  for (const NamedTensor& p : model.parameters()) {
    p.tensor.mutable_grad() = at::ones_like(p.tensor);
  }
  ZeroKeyBiasGradients(model);
  int zeroed = 0;
  for (const NamedTensor& p : model.parameters()) {
    const at::Tensor grad = p.tensor.grad();
    const at::Tensor keys = KeyBiasOf(p.name, grad);
    const int64_t kept = grad.numel() - (keys.defined() ? keys.numel() : 0);
    EXPECT_EQ(grad.sum().item<float>(), kept) << p.name;
    if (!keys.defined()) continue;
    ++zeroed;
    EXPECT_EQ(keys.numel(), grad.numel() / 3);
    EXPECT_EQ(keys.abs().max().item<float>(), 0);
  }
  EXPECT_EQ(zeroed, 4);
}

}  // namespace
}  // namespace keel
