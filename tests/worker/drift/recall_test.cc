#include "worker/drift/recall.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <limits>

namespace keel {
namespace {

at::Tensor Random(int64_t n, int64_t d, uint64_t seed) {
  return at::randn({n, d}, at::detail::createCPUGenerator(seed), at::kDouble);
}

// Text j points at the angle j, image i at i - shift, in hundredths of a
// radian: the texts between image i and its own stand ahead of it.
PairEmbeddings Fan(int64_t n, double shift) {
  const auto directions = [](const at::Tensor& angle) {
    return at::stack({angle.cos(), angle.sin()}, 1);
  };
  const at::Tensor index = at::arange(n, at::kDouble);
  return {directions((index - shift) * 0.01), directions(index * 0.01)};
}

TEST(RecallTest, IsWholeForPairsThatMeet) {
  const at::Tensor x = Random(300, 16, 1);
  auto recall = MeasureRecall({x * 3, x});
  ASSERT_TRUE(recall.ok()) << recall.status();
  EXPECT_EQ(recall->sample_count, 300);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(recall->image_to_text[i], 1.0);
    EXPECT_EQ(recall->text_to_image[i], 1.0);
  }
}

TEST(RecallTest, CountsThoseThatStandAhead) {
  // The texts at distances 0.4 and 0.6 come first; image 0 has neither.
  auto recall = MeasureRecall(Fan(100, 1.4));
  ASSERT_TRUE(recall.ok()) << recall.status();
  EXPECT_NEAR(recall->image_to_text[0], 0.01, 1e-12);
  EXPECT_EQ(recall->image_to_text[1], 1.0);
  EXPECT_EQ(recall->image_to_text[2], 1.0);
  auto far = MeasureRecall(Fan(100, 3.4));
  // Six stand ahead, but no more than i of image i.
  EXPECT_NEAR(far->image_to_text[1], 0.05, 1e-12);
  EXPECT_EQ(far->image_to_text[2], 1.0);
}

TEST(RecallTest, TellsTheDirectionsApart) {
  PairEmbeddings e{Random(20, 8, 3), at::Tensor()};
  e.text = e.image.clone();
  e.text[7] = e.image[3];
  auto recall = MeasureRecall(e);
  ASSERT_TRUE(recall.ok()) << recall.status();
  // Image 3 finds two equal texts, image 7 a wrong one; text 7 finds image 3,
  // every other text its own.
  EXPECT_NEAR(recall->image_to_text[0], 18.0 / 20, 1e-12);
  EXPECT_NEAR(recall->text_to_image[0], 19.0 / 20, 1e-12);
}

TEST(RecallTest, GivesACollapsedModelNothing) {
  auto recall = MeasureRecall({at::ones({50, 4}), at::ones({50, 4})});
  ASSERT_TRUE(recall.ok()) << recall.status();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(recall->image_to_text[i], 0);
    EXPECT_EQ(recall->text_to_image[i], 0);
  }
}

TEST(RecallTest, RefusesNotANumberAndEmptySets) {
  at::Tensor x = Random(4, 4, 5);
  const at::Tensor y = x.clone();
  x[1][1] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(MeasureRecall({x, y}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      MeasureRecall({y.narrow(0, 0, 0), y.narrow(0, 0, 0)}).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MeasureRecall({y, y.narrow(0, 0, 3)}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keel
