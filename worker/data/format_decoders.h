// The decoders behind image_decoder.h, one source for each library. They may
// throw std::bad_alloc, which DecodeImage catches.
#ifndef KEEL_WORKER_DATA_FORMAT_DECODERS_H_
#define KEEL_WORKER_DATA_FORMAT_DECODERS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/data/rgb_image.h"

namespace keel {

// Errors as DecodeImage's.
absl::StatusOr<RgbImage> DecodeJpeg(std::string_view bytes, int64_t max_pixels);
absl::StatusOr<RgbImage> DecodePng(std::string_view bytes, int64_t max_pixels);
absl::StatusOr<RgbImage> DecodeWebp(std::string_view bytes, int64_t max_pixels);

// An image of this size, its pixels zero.
// INVALID_ARGUMENT: no pixels, or more than `max_pixels`.
absl::StatusOr<RgbImage> AllocateImage(int64_t width, int64_t height,
                                       int64_t max_pixels);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_FORMAT_DECODERS_H_
