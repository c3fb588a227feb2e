// OpenCLIP's evaluation transform, as far as it works on bytes: shorter side
// to the model's size (bicubic, antialiased), centre crop.
#ifndef KEEL_WORKER_DATA_IMAGE_TRANSFORM_H_
#define KEEL_WORKER_DATA_IMAGE_TRANSFORM_H_

#include <cstdint>
#include <vector>

#include "worker/data/rgb_image.h"

namespace keel {

// Normalisation of CLIP's inputs, by channel (RGB): (x / 255 - mean) / std.
inline constexpr float kImageMean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
inline constexpr float kImageStd[3] = {0.26862954f, 0.26130258f, 0.27577711f};

// The crop as bytes, [3, size, size]; equal to torchvision's Resize and
// CenterCrop on a Pillow image. `image` has pixels, `size` is positive.
// Thread-safe.
std::vector<uint8_t> TransformImage(const RgbImage& image, int size);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_IMAGE_TRANSFORM_H_
