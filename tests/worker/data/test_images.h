// Pictures and their files, for tests.
#ifndef KEEL_TESTS_WORKER_DATA_TEST_IMAGES_H_
#define KEEL_TESTS_WORKER_DATA_TEST_IMAGES_H_

#include <cstdint>
#include <string>

#include "worker/data/rgb_image.h"

namespace keel {

// A picture that is a function of its arguments.
inline RgbImage MakePicture(int width, int height, int seed) {
  RgbImage image;
  image.width = width;
  image.height = height;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.pixels.push_back(static_cast<uint8_t>(x * 7 + seed));
      image.pixels.push_back(static_cast<uint8_t>(y * 5 + seed * 3));
      image.pixels.push_back(static_cast<uint8_t>(x * y + seed));
    }
  }
  return image;
}

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_DATA_TEST_IMAGES_H_
