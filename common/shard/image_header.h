// Format and size of an image from its first bytes, without decoding.
// Safe for hostile bytes. Thread-safe.
#ifndef KEEL_COMMON_SHARD_IMAGE_HEADER_H_
#define KEEL_COMMON_SHARD_IMAGE_HEADER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/shard/shard_types.h"

namespace keel {

struct ImageHeader {
  ImageFormat format = ImageFormat::kUnknown;
  // In pixels, as stored (an EXIF rotation is not applied); positive.
  int32_t width = 0;
  int32_t height = 0;

  int64_t pixels() const { return int64_t{width} * height; }
};

// Reads the header of a whole image file; a file's name means nothing.
// INVALID_ARGUMENT: another format than JPEG, PNG or WebP, an animated WebP,
// or a header that is cut short or contradicts itself.
absl::StatusOr<ImageHeader> ParseImageHeader(std::string_view bytes);

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_IMAGE_HEADER_H_
