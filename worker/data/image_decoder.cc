#include "worker/data/image_decoder.h"

#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "worker/data/format_decoders.h"

namespace keel {
namespace {

absl::StatusOr<RgbImage> Decode(ImageFormat format, std::string_view bytes,
                                int64_t max_pixels) {
  switch (format) {
    case ImageFormat::kJpeg:
      return DecodeJpeg(bytes, max_pixels);
    case ImageFormat::kPng:
      return DecodePng(bytes, max_pixels);
    case ImageFormat::kWebp:
      return DecodeWebp(bytes, max_pixels);
    case ImageFormat::kUnknown:
      break;
  }
  return absl::InvalidArgumentError("unknown image format");
}

}  // namespace

absl::StatusOr<RgbImage> AllocateImage(int64_t width, int64_t height,
                                       int64_t max_pixels) {
  if (width <= 0 || height <= 0 || width > max_pixels / height) {
    return absl::InvalidArgumentError(absl::StrCat("image of ", width, " x ",
                                                   height, " pixels; 1 to ",
                                                   max_pixels, " are allowed"));
  }
  RgbImage image;
  image.width = width;
  image.height = height;
  image.pixels.resize(static_cast<size_t>(width * height * 3));
  return image;
}

absl::StatusOr<RgbImage> DecodeImage(ImageFormat format, std::string_view bytes,
                                     int64_t max_pixels) {
  try {
    return Decode(format, bytes, max_pixels);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory to decode an image");
  }
}

}  // namespace keel
