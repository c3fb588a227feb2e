#include "worker/train/ewc.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/tensor_error.h"
#include "tests/worker/train/small_model.h"

namespace keel {
namespace {

using testing::TensorError;

constexpr double kLambda = 40;

// A Fisher diagonal of `value` times 1, 2, 3, ... over each parameter.
Fisher Ramp(const ClipModel& model, double value, int64_t phases) {
  Fisher fisher;
  fisher.phase_count = phases;
  for (const NamedTensor& p : model.parameters()) {
    fisher.diagonal.push_back(
        (at::arange(p.tensor.numel(), at::kFloat) + 1).reshape_as(p.tensor) *
        value);
  }
  return fisher;
}

// Sets the gradient of each parameter to `value` everywhere.
void SetGradients(const ClipModel& model, double value) {
  for (const NamedTensor& p : model.parameters()) {
    p.tensor.mutable_grad() = at::full_like(p.tensor.detach(), value);
  }
}

TEST(EwcTest, HasNoPenaltyWithoutAParentsFisher) {
  const ClipModel model = SmallModel(1);
  Ewc ewc({kLambda, 0, 1}, model, std::nullopt, std::nullopt);
  SetGradients(model, 0.5);
  EXPECT_FALSE(ewc.Apply(0).defined());
  for (const NamedTensor& p : model.parameters()) {
    EXPECT_TRUE((p.tensor.grad() == 0.5).all().item<bool>()) << p.name;
  }
}

TEST(EwcTest, AddsThePenaltyAndItsGradient) {
  const ClipModel model = SmallModel(1);
  const ClipModel parent = SmallModel(2);
  const Fisher fisher = Ramp(model, 1e-3, 2);
  Ewc ewc({kLambda, 9, 10}, model, parent, fisher);
  SetGradients(model, 0.5);
  const double penalty = ewc.Apply(0).item<double>();
  double expected = 0;
  for (size_t i = 0; i < model.parameters().size(); ++i) {
    const NamedTensor& p = model.parameters()[i];
    const at::Tensor away =
        p.tensor.detach().to(at::kDouble) -
        parent.parameters()[i].tensor.detach().to(at::kDouble);
    const at::Tensor f = fisher.diagonal[i].to(at::kDouble);
    expected += kLambda / 2 * (f * away.pow(2)).sum().item<double>();
    EXPECT_LT(TensorError(p.tensor.grad(), 0.5 + kLambda * f * away), 1e-6)
        << p.name;
  }
  EXPECT_NEAR(penalty / expected, 1, 1e-6);
}

TEST(EwcTest, TakesTheMeanOfTheLastEpochsSquaredGradients) {
  const ClipModel model = SmallModel(1);
  Ewc ewc({kLambda, 2, 4}, model, std::nullopt, std::nullopt);
  for (int64_t step = 0; step < 4; ++step) {
    SetGradients(model, static_cast<double>(step + 1));
    ewc.Apply(step);
  }
  const Fisher after = ewc.After();
  EXPECT_EQ(after.phase_count, 1);
  for (const at::Tensor& f : after.diagonal) {
    EXPECT_TRUE((f == (9 + 16) / 2.0).all().item<bool>());
  }
}

// The penalty's own gradient is no part of the Fisher diagonal.
TEST(EwcTest, GivesEachPhaseTheSameWeightInTheMean) {
  const ClipModel model = SmallModel(1);
  const Fisher before = Ramp(model, 1, 3);
  Ewc ewc({kLambda, 0, 1}, model, SmallModel(2), before);
  SetGradients(model, 2);
  ewc.Apply(0);
  const Fisher after = ewc.After();
  EXPECT_EQ(after.phase_count, 4);
  for (size_t i = 0; i < after.diagonal.size(); ++i) {
    EXPECT_LT(TensorError(after.diagonal[i],
                          (3 * before.diagonal[i].to(at::kDouble) + 4) / 4),
              1e-6);
  }
}

TEST(EwcTest, GoesOnFromTheSumsOfAResumePoint) {
  const ClipModel model = SmallModel(1);
  Ewc whole({kLambda, 0, 2}, model, std::nullopt, std::nullopt);
  SetGradients(model, 3);
  whole.Apply(0);
  Ewc resumed({kLambda, 0, 2}, model, std::nullopt, std::nullopt);
  resumed.Restore(whole.sums());
  SetGradients(model, 5);
  whole.Apply(1);
  resumed.Apply(1);
  for (size_t i = 0; i < whole.sums().size(); ++i) {
    EXPECT_TRUE(
        at::equal(whole.After().diagonal[i], resumed.After().diagonal[i]));
    EXPECT_TRUE((resumed.After().diagonal[i] == 17).all().item<bool>());
  }
}

}  // namespace
}  // namespace keel
