// A decoded picture.
#ifndef KEEL_WORKER_DATA_RGB_IMAGE_H_
#define KEEL_WORKER_DATA_RGB_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace keel {

// 8-bit RGB, interleaved, rows from the top without gaps.
struct RgbImage {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<uint8_t> pixels;

  const uint8_t* row(int64_t y) const {
    return pixels.data() + static_cast<size_t>(y * width * 3);
  }
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_RGB_IMAGE_H_
