#include <turbojpeg.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/data/format_decoders.h"

namespace keel {
namespace {

struct HandleDeleter {
  void operator()(void* handle) const { tjDestroy(handle); }
};
using Handle = std::unique_ptr<void, HandleDeleter>;

// Pillow's choices: exact inverse transform, smooth chroma. The scan limit
// stops progressive files that are made to decode for hours.
constexpr int kFlags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;

struct Header {
  int width = 0;
  int height = 0;
  int colorspace = -1;

  bool is_cmyk() const {
    return colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  }
};

const uint8_t* Data(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

absl::Status DecodeError(const Handle& handle) {
  const std::string message =
      absl::StrCat("JPEG: ", tjGetErrorStr2(handle.get()));
  return absl::StrContains(message, "emory")
             ? absl::ResourceExhaustedError(message)
             : absl::InvalidArgumentError(message);
}

// True if the last scan is followed by the end marker. Scan data never hold
// 0xFF before a byte that could be taken for either marker.
bool IsComplete(std::string_view bytes) {
  const size_t scan = bytes.rfind("\xFF\xDA");
  const size_t end = bytes.rfind("\xFF\xD9");
  return end != std::string_view::npos &&
         (scan == std::string_view::npos || scan < end);
}

absl::StatusOr<Header> ReadHeader(const Handle& handle,
                                  std::string_view bytes) {
  Header header;
  int subsampling = 0;
  const int result = tjDecompressHeader3(
      handle.get(), Data(bytes), bytes.size(), &header.width, &header.height,
      &subsampling, &header.colorspace);
  // The library also fails where it has no name for the sampling factors,
  // which decoding does not ask for.
  const bool was_read =
      header.width > 0 && header.height > 0 && header.colorspace >= 0;
  if (result != 0 && !was_read && tjGetErrorCode(handle.get()) == TJERR_FATAL) {
    return DecodeError(handle);
  }
  return header;
}

// Warnings are tolerated as Pillow tolerates them, except for missing data,
// which the library would replace by grey.
absl::Status DecodePixels(const Handle& handle, std::string_view bytes,
                          const Header& header, int format, uint8_t* pixels) {
  const int result = tjDecompress2(handle.get(), Data(bytes), bytes.size(),
                                   pixels, header.width,
                                   /*pitch=*/0, header.height, format, kFlags);
  if (result == 0) return absl::OkStatus();
  const bool tolerable =
      tjGetErrorCode(handle.get()) == TJERR_WARNING && IsComplete(bytes);
  return tolerable ? absl::OkStatus() : DecodeError(handle);
}

// Pillow's MULDIV255: a * b / 255, rounded.
uint8_t MultiplyRatio(int a, int b) {
  const int product = a * b + 128;
  return static_cast<uint8_t>(((product >> 8) + product) >> 8);
}

// Adobe's files hold inverted inks, and Pillow takes all CMYK files for such.
void InvertedCmykToRgb(const std::vector<uint8_t>& cmyk,
                       std::vector<uint8_t>& rgb) {
  for (size_t i = 0; i < cmyk.size() / 4; ++i) {
    const int black = cmyk[4 * i + 3];
    for (size_t channel = 0; channel < 3; ++channel) {
      const int ink = 255 - cmyk[4 * i + channel];
      rgb[3 * i + channel] =
          static_cast<uint8_t>(black - MultiplyRatio(ink, black));
    }
  }
}

}  // namespace

absl::StatusOr<RgbImage> DecodeJpeg(std::string_view bytes,
                                    int64_t max_pixels) {
  Handle handle(tjInitDecompress());
  if (handle == nullptr)
    return absl::ResourceExhaustedError("JPEG: no decoder");
  KEEL_ASSIGN_OR_RETURN(const Header header, ReadHeader(handle, bytes));
  KEEL_ASSIGN_OR_RETURN(RgbImage image,
                        AllocateImage(header.width, header.height, max_pixels));
  if (!header.is_cmyk()) {
    KEEL_RETURN_IF_ERROR(
        DecodePixels(handle, bytes, header, TJPF_RGB, image.pixels.data()));
    return image;
  }
  std::vector<uint8_t> cmyk(image.pixels.size() / 3 * 4);
  KEEL_RETURN_IF_ERROR(
      DecodePixels(handle, bytes, header, TJPF_CMYK, cmyk.data()));
  InvertedCmykToRgb(cmyk, image.pixels);
  return image;
}

}  // namespace keel
