// Decodes JPEG, PNG and WebP into RGB as Pillow's Image.convert("RGB") has it:
// alpha is dropped, palettes are applied, colour profiles, gamma and EXIF
// rotation are not. One difference: 16-bit grey keeps its high byte, where
// Pillow clips values above 255 to white.
#ifndef KEEL_WORKER_DATA_IMAGE_DECODER_H_
#define KEEL_WORKER_DATA_IMAGE_DECODER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/data/rgb_image.h"
#include "worker/seam/job.h"

namespace keel {

// Thread-safe, and safe for hostile bytes. Images of more than `max_pixels`
// pixels are refused by their header, before memory is taken.
// INVALID_ARGUMENT: the bytes are not a whole image of this format, an
// animation, or too large. RESOURCE_EXHAUSTED: no memory.
absl::StatusOr<RgbImage> DecodeImage(ImageFormat format, std::string_view bytes,
                                     int64_t max_pixels);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_IMAGE_DECODER_H_
