// Bicubic resampling with antialiasing, bit for bit as Pillow's Image.resize
// (version 13) does it on 8-bit channels. Older versions give other low bits
// for pictures more than about twice as tall as wide.
#ifndef KEEL_WORKER_DATA_RESAMPLE_H_
#define KEEL_WORKER_DATA_RESAMPLE_H_

#include <cstdint>

#include "worker/data/rgb_image.h"

namespace keel {

// A part of the resized image, in its pixels.
struct Window {
  int64_t left = 0;
  int64_t top = 0;
  int64_t width = 0;
  int64_t height = 0;
};

// The window of `image` resized to `width` x `height`; only that part is
// computed. Sizes are positive and the window lies inside. Thread-safe.
RgbImage ResampleWindow(const RgbImage& image, int64_t width, int64_t height,
                        const Window& window);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_RESAMPLE_H_
