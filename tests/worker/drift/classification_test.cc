#include "worker/drift/classification.h"

#include <gtest/gtest.h>

#include "worker/checkpoint/safetensors.h"
#include "worker/drift/embedding_check.h"
#include "worker/drift/linear_probe.h"

namespace keel {
namespace {

// Against NumPy: tests/golden/make_classification_golden.py.
class ClassificationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto file = ReadSafetensors("tests/golden/classification.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    golden_ = *std::move(file);
  }

  at::Tensor Golden(const std::string& name) { return *golden_.Find(name); }
  double Difference(const at::Tensor& actual, const std::string& name) {
    return (actual - Golden(name)).abs().max().item<double>();
  }
  void Expect(const absl::StatusOr<Accuracy>& actual, const std::string& name) {
    ASSERT_TRUE(actual.ok()) << actual.status();
    const double* expected = Golden(name).const_data_ptr<double>();
    EXPECT_EQ(actual->samples, 200);
    EXPECT_NEAR(actual->top1, expected[0], 1e-12);
    EXPECT_NEAR(actual->top5, expected[1], 1e-12);
    EXPECT_NEAR(actual->mean_per_class, expected[2], 1e-12);
  }

  Safetensors golden_;
};

TEST_F(ClassificationTest, ZeroShotAgreesWithNumPy) {
  const auto directions = ClassDirections(Golden("texts").to(at::kDouble));
  ASSERT_TRUE(directions.ok()) << directions.status();
  EXPECT_LT(Difference(*directions, "directions"), 1e-12);
  const auto rows = UnitRows(Golden("image"), "images");
  ASSERT_TRUE(rows.ok()) << rows.status();
  Expect(Classify(*rows, Golden("labels"), *directions,
                  at::zeros({7}, at::kDouble)),
         "zero_shot");
}

TEST_F(ClassificationTest, TheLinearProbeFindsNewtonsMinimum) {
  const auto probe =
      FitLinearProbe(Golden("train_image"), Golden("train_labels"), 7);
  ASSERT_TRUE(probe.ok()) << probe.status();
  EXPECT_TRUE(probe->converged);
  EXPECT_LT(probe->iterations, 300);
  EXPECT_LT(Difference(probe->weight, "probe.weight"), 1e-5);
  EXPECT_LT(Difference(probe->bias, "probe.bias"), 1e-5);
  Expect(Classify(Golden("image").to(at::kDouble), Golden("labels"),
                  probe->weight, probe->bias),
         "probe");
  const auto again =
      FitLinearProbe(Golden("train_image"), Golden("train_labels"), 7);
  EXPECT_TRUE(at::equal(again->weight, probe->weight));
}

TEST_F(ClassificationTest, ClassesThatCannotBeToldApartScoreNothing) {
  const at::Tensor same = at::ones({7, 8}, at::kDouble);
  const auto accuracy =
      Classify(Golden("image").to(at::kDouble), Golden("labels"), same,
               at::zeros({7}, at::kDouble));
  ASSERT_TRUE(accuracy.ok()) << accuracy.status();
  EXPECT_EQ(accuracy->top1, 0);
  EXPECT_EQ(accuracy->top5, 0);
}

TEST_F(ClassificationTest, RefusesScoresThatAreNotFinite) {
  at::Tensor rows = Golden("image").to(at::kDouble);
  rows[150][3] = NAN;
  EXPECT_TRUE(absl::IsInvalidArgument(Classify(rows, Golden("labels"),
                                               at::ones({7, 8}, at::kDouble),
                                               at::zeros({7}, at::kDouble))
                                          .status()));
}

TEST_F(ClassificationTest, RefusesWhatHasNoDirection) {
  at::Tensor texts = Golden("texts").to(at::kDouble);
  texts[1][2].zero_();
  EXPECT_TRUE(absl::IsInvalidArgument(ClassDirections(texts).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      FitLinearProbe(at::full({2, 3}, NAN), at::zeros({2}, at::kLong), 2)
          .status()));
}

}  // namespace
}  // namespace keel
