#include "worker/data/image_transform.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/data/test_images.h"

namespace keel {
namespace {

using ::testing::Each;

RgbImage Flat(int width, int height, uint8_t value) {
  return {width, height,
          std::vector<uint8_t>(static_cast<size_t>(width) * height * 3, value)};
}

TEST(ImageTransformTest, KeepsAnImageOfTheRightSize) {
  const RgbImage image = MakePicture(16, 16, 3);
  const auto planes = TransformImage(image, 16);
  ASSERT_EQ(planes.size(), 3u * 16 * 16);
  for (size_t i = 0; i < 256; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      EXPECT_EQ(planes[c * 256 + i], image.pixels[3 * i + c]);
    }
  }
}

TEST(ImageTransformTest, CutsTheMiddleAndRoundsHalvesToEven) {
  // A surplus of 3 pixels starts at round(1.5) = 2, one of 5 at round(2.5) = 2.
  for (const auto& [width, start] :
       {std::pair{11, 2}, std::pair{13, 2}, std::pair{9, 0}}) {
    const RgbImage image = MakePicture(width, 8, 0);
    EXPECT_EQ(TransformImage(image, 8)[0], image.pixels[3 * start]) << width;
  }
}

TEST(ImageTransformTest, KeepsAFlatColour) {
  EXPECT_THAT(TransformImage(Flat(301, 97, 200), 32), Each(200));
  EXPECT_THAT(TransformImage(Flat(3, 5, 17), 32), Each(17));
}

TEST(ImageTransformTest, TakesASingleRowOfManyPixels) {
  EXPECT_THAT(TransformImage(Flat(1'000'000, 1, 90), 32), Each(90));
  EXPECT_THAT(TransformImage(Flat(1, 1'000'000, 90), 32), Each(90));
}

}  // namespace
}  // namespace keel
