#include "worker/data/image_transform.h"

#include <algorithm>
#include <cstddef>

#include "worker/data/resample.h"

namespace keel {
namespace {

// torchvision: int(size * long / short).
int64_t LongSide(int64_t size, int64_t longer, int64_t shorter) {
  return static_cast<int64_t>(static_cast<double>(size * longer) /
                              static_cast<double>(shorter));
}

// torchvision: int(round(surplus / 2)), where Python rounds halves to even.
int64_t CropStart(int64_t surplus) {
  const int64_t half = surplus / 2;
  return surplus % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

std::vector<uint8_t> ToPlanes(const RgbImage& image) {
  const size_t plane = static_cast<size_t>(image.width * image.height);
  std::vector<uint8_t> planes(3 * plane);
  for (size_t i = 0; i < plane; ++i) {
    for (size_t c = 0; c < 3; ++c)
      planes[c * plane + i] = image.pixels[3 * i + c];
  }
  return planes;
}

}  // namespace

std::vector<uint8_t> TransformImage(const RgbImage& image, int size) {
  const auto [shorter, longer] = std::minmax(image.width, image.height);
  const int64_t long_side = LongSide(size, longer, shorter);
  const int64_t width = image.width <= image.height ? size : long_side;
  const int64_t height = image.width <= image.height ? long_side : size;
  const Window window{CropStart(width - size), CropStart(height - size), size,
                      size};
  return ToPlanes(ResampleWindow(image, width, height, window));
}

}  // namespace keel
