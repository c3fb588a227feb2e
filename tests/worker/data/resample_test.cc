#include "worker/data/resample.h"

#include <gtest/gtest.h>

#include "tests/worker/data/test_images.h"

namespace keel {
namespace {

// The second is tall enough for the other order of passes.
class ResampleWindowTest : public ::testing::TestWithParam<int> {};

TEST_P(ResampleWindowTest, EqualsThatPartOfTheWhole) {
  const RgbImage image = MakePicture(50, GetParam(), 1);
  const RgbImage whole = ResampleWindow(image, 23, 31, {0, 0, 23, 31});
  const RgbImage part = ResampleWindow(image, 23, 31, {5, 9, 11, 13});
  for (int64_t y = 0; y < part.height; ++y) {
    for (int64_t x = 0; x < part.width * 3; ++x) {
      ASSERT_EQ(part.row(y)[x], whole.row(y + 9)[x + 15]) << x << ", " << y;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Heights, ResampleWindowTest,
                         ::testing::Values(40, 120));

TEST(ResampleTest, ClipsOvershootToBytes) {
  RgbImage image{4, 1, {0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0}};
  const RgbImage large = ResampleWindow(image, 64, 1, {0, 0, 64, 1});
  EXPECT_EQ(large.row(0)[0], 0);
  EXPECT_EQ(large.row(0)[3 * 32], 255);
}

}  // namespace
}  // namespace keel
