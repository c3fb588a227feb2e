// OpenCLIP's evaluation transform, as far as it works on bytes: shorter side
// to the model's size (bicubic, antialiased), centre crop.
#ifndef KEEL_WORKER_DATA_IMAGE_TRANSFORM_H_
#define KEEL_WORKER_DATA_IMAGE_TRANSFORM_H_

#include <cstdint>
#include <vector>

#include "worker/data/rgb_image.h"

namespace keel {

// The crop as bytes, [3, size, size]; equal to torchvision's Resize and
// CenterCrop on a Pillow image. `image` has pixels, `size` is positive.
// Thread-safe.
std::vector<uint8_t> TransformImage(const RgbImage& image, int size);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_IMAGE_TRANSFORM_H_
