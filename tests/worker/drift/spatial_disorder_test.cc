#include "worker/drift/spatial_disorder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "worker/checkpoint/safetensors.h"

namespace keel {
namespace {

// Degrees.
constexpr double kTolerance = 1e-3;

at::Tensor Random(int64_t n, int64_t d, uint64_t seed) {
  return at::randn({n, d}, at::detail::createCPUGenerator(seed), at::kDouble);
}

at::Tensor RandomRotation(int64_t d, uint64_t seed) {
  return std::get<0>(at::linalg_qr(Random(d, d, seed)));
}

class SpatialDisorderGoldenTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto file = ReadSafetensors(std::string("tests/golden/drift_") +
                                GetParam() + ".safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    golden_ = *std::move(file);
  }

  at::Tensor Golden(const std::string& name) { return *golden_.Find(name); }

  void Expect(const std::string& name, const AngleDistribution& actual) {
    const at::Tensor expected = Golden(name);
    const double* value = expected.const_data_ptr<double>();
    EXPECT_NEAR(actual.mean, value[0], kTolerance) << name;
    EXPECT_NEAR(actual.p50, value[1], kTolerance) << name;
    EXPECT_NEAR(actual.p95, value[2], kTolerance) << name;
    EXPECT_NEAR(actual.max, value[3], kTolerance) << name;
    EXPECT_TRUE(at::equal(at::tensor(actual.counts, at::kLong),
                          Golden(name + ".counts")))
        << name;
  }

  void Expect(const std::string& name, double actual) {
    EXPECT_NEAR(actual, Golden(name).item<double>(), kTolerance) << name;
  }

  Safetensors golden_;
};

TEST_P(SpatialDisorderGoldenTest, AgreesWithTheOracle) {
  auto result = MeasureSpatialDisorder(
      {Golden("reference_image"), Golden("reference_text")},
      {Golden("current_image"), Golden("current_text")});
  ASSERT_TRUE(result.ok()) << result.status();
  Expect("self_angle_change_image", result->self_angle_change_image);
  Expect("self_angle_change_text", result->self_angle_change_text);
  Expect("rotation_image", result->rotation_image);
  Expect("rotation_text", result->rotation_text);
  Expect("rotation_gap", result->rotation_gap);
  Expect("cross_angle_change", result->cross_angle_change);
  Expect("deviation", result->deviation_degrees);
  Expect("deviation_floor", result->deviation_floor_degrees);
  Expect("residual_image", result->residual_image_degrees);
  Expect("residual_text", result->residual_text_degrees);
}

INSTANTIATE_TEST_SUITE_P(Cases, SpatialDisorderGoldenTest,
                         ::testing::Values("random", "rotated", "turned_apart",
                                           "near", "collapsed", "few"));

TEST(SpatialDisorderTest, IsZeroBetweenACheckpointAndItself) {
  const PairEmbeddings e{Random(300, 8, 1).to(at::kFloat),
                         Random(300, 8, 2).to(at::kFloat)};
  auto result = MeasureSpatialDisorder(e, e);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sample_count, 300);
  EXPECT_LT(result->cross_angle_change.max, 1e-9);
  EXPECT_LT(result->self_angle_change_image.max, 1e-9);
  EXPECT_LT(result->rotation_text.max, 1e-9);
  EXPECT_LT(result->deviation_degrees, 1e-6);
  EXPECT_LT(result->residual_image_degrees, 1e-5);
}

TEST(SpatialDisorderTest, SeesACommonRotationAsRotationAlone) {
  const PairEmbeddings before{Random(400, 8, 3), Random(400, 8, 4)};
  const at::Tensor q = RandomRotation(8, 5);
  auto result = MeasureSpatialDisorder(
      before, {at::matmul(before.image, q), at::matmul(before.text, q)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->rotation_image.mean, 10);
  EXPECT_LT(result->self_angle_change_image.max, 1e-5);
  EXPECT_LT(result->cross_angle_change.max, 1e-5);
  EXPECT_LT(result->deviation_degrees, 1.0);
  EXPECT_TRUE(result->deviation_reliable);
}

TEST(SpatialDisorderTest, MeasuresAKnownTurnOfOneModality) {
  const PairEmbeddings before{Random(500, 2, 6), Random(500, 2, 7)};
  const double turn = 20 * std::numbers::pi / 180;
  const at::Tensor g = at::tensor({std::cos(turn), -std::sin(turn),
                                   std::sin(turn), std::cos(turn)},
                                  at::kDouble)
                           .view({2, 2});
  auto result = MeasureSpatialDisorder(
      before, {before.image, at::matmul(before.text, g)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->rotation_text.mean, 20, 1e-9);
  EXPECT_NEAR(result->rotation_text.p50, 20, 1e-3);
  EXPECT_EQ(result->rotation_image.max, 0);
  EXPECT_NEAR(result->rotation_gap.mean, 20, 1e-9);
  EXPECT_NEAR(result->deviation_degrees, 20, 0.1);
  EXPECT_LT(result->self_angle_change_text.max, 1e-5);
}

TEST(SpatialDisorderTest, SaysWhenThereAreTooFewPairsForAFit) {
  const PairEmbeddings before{Random(15, 8, 8), Random(15, 8, 9)};
  EXPECT_FALSE(MeasureSpatialDisorder(before, before)->deviation_reliable);
  const PairEmbeddings enough{Random(16, 8, 8), Random(16, 8, 9)};
  EXPECT_TRUE(MeasureSpatialDisorder(enough, enough)->deviation_reliable);
}

TEST(SpatialDisorderTest, IsStoppedBetweenTwoBlocks) {
  const PairEmbeddings pairs{Random(600, 4, 8), Random(600, 4, 9)};
  int asked = 0;
  const auto count = [&asked] { return ++asked < 0; };
  EXPECT_TRUE(MeasureSpatialDisorder(pairs, pairs, count).ok());
  EXPECT_EQ(asked, 11);  // three tables of three blocks; between three fits
  const auto stopped = [&asked] { return --asked == 0; };
  EXPECT_TRUE(absl::IsCancelled(
      MeasureSpatialDisorder(pairs, pairs, stopped).status()));
}

TEST(SpatialDisorderTest, RefusesWhatCannotBeMeasured) {
  const PairEmbeddings good{Random(4, 3, 10), Random(4, 3, 11)};
  const auto code = [&](const PairEmbeddings& current) {
    return MeasureSpatialDisorder(good, current).status().code();
  };
  EXPECT_EQ(code({Random(5, 3, 1), Random(5, 3, 2)}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({at::zeros({4, 3}), Random(4, 3, 2)}),
            absl::StatusCode::kInvalidArgument);
  PairEmbeddings broken{good.image.clone(), good.text};
  broken.image[2][1] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(code(broken), absl::StatusCode::kInvalidArgument);
  const PairEmbeddings single{Random(1, 3, 1), Random(1, 3, 2)};
  EXPECT_EQ(MeasureSpatialDisorder(single, single).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keel
