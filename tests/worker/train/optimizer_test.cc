#include "worker/train/optimizer.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/worker/train/small_model.h"

namespace keel {
namespace {

TrainConfig Config() {
  TrainConfig config;
  config.weight_decay = 0.1;
  return config;
}

void SetGradients(const ClipModel& model, int step) {
  for (const NamedTensor& p : model.parameters()) {
    p.tensor.mutable_grad() = at::arange(p.tensor.numel(), at::kFloat)
                                  .add(step * 7.0)
                                  .mul(0.3)
                                  .sin()
                                  .view(p.tensor.sizes())
                                  .clone();
  }
}

at::Tensor Skip(bool skip) { return at::full({}, skip ? 1.0f : 0.0f); }

// The update rule by the book, in double precision.
struct PlainAdamW {
  at::Tensor weight, m, v;
  explicit PlainAdamW(const at::Tensor& w)
      : weight(w.detach().to(at::kDouble)),
        m(at::zeros_like(weight)),
        v(at::zeros_like(weight)) {}
  void Step(int t, const at::Tensor& gradient, double lr, double decay) {
    const at::Tensor g = gradient.to(at::kDouble);
    weight = weight * (1 - lr * decay);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    const at::Tensor mean = m / (1 - std::pow(0.9, t));
    const at::Tensor deviation = (v / (1 - std::pow(0.999, t))).sqrt();
    weight = weight - lr * mean / (deviation + 1e-8);
  }
};

TEST(AdamWTest, FollowsTheUpdateRule) {
  for (const char* name : {"text_projection", "ln_final.bias"}) {
    SCOPED_TRACE(name);
    const ClipModel fresh = SmallModel(1);
    AdamW adam(fresh, Config());
    PlainAdamW plain(fresh.Get(name));
    const double decay = std::string(name) == "text_projection" ? 0.1 : 0.0;
    for (int t = 1; t <= 5; ++t) {
      SetGradients(fresh, t);
      plain.Step(t, fresh.Get(name).grad(), 0.01 * t, decay);
      adam.Step(0.01 * t, Skip(false));
    }
    EXPECT_TRUE(at::allclose(fresh.Get(name).detach().to(at::kDouble),
                             plain.weight, 1e-5, 1e-6));
    EXPECT_EQ(adam.step_count(), 5);
  }
}

TEST(AdamWTest, ChangesNothingWhenTheStepIsSkipped) {
  const ClipModel model = SmallModel(2);
  AdamW optimizer(model, Config());
  SetGradients(model, 1);
  optimizer.Step(0.1, Skip(false));
  std::vector<at::Tensor> before;
  for (const auto& p : model.parameters()) {
    before.push_back(p.tensor.detach().clone());
  }
  const at::Tensor moment = optimizer.exp_avg()[0].clone();
  SetGradients(model, 2);
  optimizer.Step(0.1, Skip(true));
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(model.parameters()[i].tensor.equal(before[i]));
  }
  EXPECT_TRUE(optimizer.exp_avg()[0].equal(moment));
  EXPECT_EQ(optimizer.step_count(), 1);
}

TEST(AdamWTest, KeepsTheLogitScaleInItsRange) {
  const ClipModel model = SmallModel(3);
  AdamW optimizer(model, Config());
  for (int t = 0; t < 3; ++t) {
    SetGradients(model, 0);
    model.logit_scale().mutable_grad().fill_(-1);
    optimizer.Step(10.0, Skip(false));
  }
  EXPECT_FLOAT_EQ(model.logit_scale().item<float>(), std::log(100.0f));
}

TEST(AdamWTest, GoesOnFromRestoredMomentsBitForBit) {
  const ClipModel whole = SmallModel(4);
  AdamW uninterrupted(whole, Config());
  for (int t = 0; t < 3; ++t) {
    SetGradients(whole, t);
    uninterrupted.Step(0.01, Skip(false));
  }
  const ClipModel resumed =
      *ClipModel::FromTensors(whole.config(), whole.parameters());
  AdamW other(resumed, Config());
  TrainerState state;
  for (size_t i = 0; i < uninterrupted.exp_avg().size(); ++i) {
    state.exp_avg.push_back(uninterrupted.exp_avg()[i].clone());
    state.exp_avg_sq.push_back(uninterrupted.exp_avg_sq()[i].clone());
  }
  state.optimizer_step = uninterrupted.step_count();
  other.Restore(state);
  for (int t = 3; t < 6; ++t) {
    SetGradients(whole, t);
    uninterrupted.Step(0.01, Skip(false));
    SetGradients(resumed, t);
    other.Step(0.01, Skip(false));
  }
  for (size_t i = 0; i < whole.parameters().size(); ++i) {
    EXPECT_TRUE(
        whole.parameters()[i].tensor.equal(resumed.parameters()[i].tensor));
  }
}

TEST(ClipToNormTest, ScalesOnlyWhatIsTooLong) {
  std::vector<at::Tensor> tensors = {at::full({2}, 3.0f), at::full({1}, 4.0f)};
  const at::Tensor norm = GlobalNorm(tensors);
  EXPECT_NEAR(norm.item<double>(), std::sqrt(34.0), 1e-6);
  ClipToNorm(tensors, norm, 100.0);
  EXPECT_EQ(tensors[1].item<float>(), 4.0f);
  ClipToNorm(tensors, norm, 1.0);
  EXPECT_NEAR(GlobalNorm(tensors).item<double>(), 1.0, 1e-5);
}

}  // namespace
}  // namespace keel
