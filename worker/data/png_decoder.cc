#include <spng.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/data/format_decoders.h"

namespace keel {
namespace {

// For the chunks beside the picture, which are read past.
constexpr size_t kMaxAncillaryBytes = size_t{64} << 20;

struct ContextDeleter {
  void operator()(spng_ctx* context) const { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, ContextDeleter>;

absl::Status ToStatus(int error) {
  if (error == SPNG_OK) return absl::OkStatus();
  const std::string message = absl::StrCat("PNG: ", spng_strerror(error));
  return error == SPNG_EMEM ? absl::ResourceExhaustedError(message)
                            : absl::InvalidArgumentError(message);
}

absl::Status Open(spng_ctx* context, std::string_view bytes) {
  KEEL_RETURN_IF_ERROR(ToStatus(
      spng_set_chunk_limits(context, kMaxAncillaryBytes, kMaxAncillaryBytes)));
  return ToStatus(spng_set_png_buffer(context, bytes.data(), bytes.size()));
}

}  // namespace

absl::StatusOr<RgbImage> DecodePng(std::string_view bytes, int64_t max_pixels) {
  Context context(spng_ctx_new(0));
  if (context == nullptr)
    return absl::ResourceExhaustedError("PNG: no decoder");
  KEEL_RETURN_IF_ERROR(Open(context.get(), bytes));
  spng_ihdr header;
  KEEL_RETURN_IF_ERROR(ToStatus(spng_get_ihdr(context.get(), &header)));
  KEEL_ASSIGN_OR_RETURN(RgbImage image,
                        AllocateImage(header.width, header.height, max_pixels));
  KEEL_RETURN_IF_ERROR(
      ToStatus(spng_decode_image(context.get(), image.pixels.data(),
                                 image.pixels.size(), SPNG_FMT_RGB8, 0)));
  return image;
}

}  // namespace keel
