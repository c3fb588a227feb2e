#include <webp/decode.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/data/format_decoders.h"

namespace keel {
namespace {

const uint8_t* Data(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

absl::Status ToStatus(VP8StatusCode code) {
  if (code == VP8_STATUS_OK) return absl::OkStatus();
  const std::string message =
      absl::StrCat("WebP: error ", static_cast<int>(code));
  return code == VP8_STATUS_OUT_OF_MEMORY
             ? absl::ResourceExhaustedError(message)
             : absl::InvalidArgumentError(message);
}

// `config` was initialized; its output is `image`.
void DirectOutput(RgbImage& image, WebPDecoderConfig& config) {
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.pixels.data();
  config.output.u.RGBA.stride = static_cast<int>(image.width * 3);
  config.output.u.RGBA.size = image.pixels.size();
}

}  // namespace

absl::StatusOr<RgbImage> DecodeWebp(std::string_view bytes,
                                    int64_t max_pixels) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) {
    return absl::InternalError(
        "WebP: the library has another version than its headers");
  }
  KEEL_RETURN_IF_ERROR(
      ToStatus(WebPGetFeatures(Data(bytes), bytes.size(), &config.input)));
  if (config.input.has_animation) {
    return absl::InvalidArgumentError("WebP: animations are not supported");
  }
  KEEL_ASSIGN_OR_RETURN(
      RgbImage image,
      AllocateImage(config.input.width, config.input.height, max_pixels));
  DirectOutput(image, config);
  KEEL_RETURN_IF_ERROR(
      ToStatus(WebPDecode(Data(bytes), bytes.size(), &config)));
  return image;
}

}  // namespace keel
