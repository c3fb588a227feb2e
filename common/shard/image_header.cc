#include "common/shard/image_header.h"

#include <cstddef>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"

namespace keel {
namespace {

using std::string_view_literals::operator""sv;

absl::Status Bad(const std::string& what) {
  return absl::InvalidArgumentError(what);
}

uint32_t Byte(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}
uint32_t BigEndian16(std::string_view bytes, size_t at) {
  return Byte(bytes, at) << 8 | Byte(bytes, at + 1);
}
uint32_t BigEndian32(std::string_view bytes, size_t at) {
  return BigEndian16(bytes, at) << 16 | BigEndian16(bytes, at + 2);
}
uint32_t LittleEndian(std::string_view bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value |= Byte(bytes, at + i) << (8 * i);
  return value;
}

absl::StatusOr<ImageHeader> MakeHeader(ImageFormat format, uint32_t width,
                                       uint32_t height) {
  constexpr uint32_t kMax = std::numeric_limits<int32_t>::max();
  if (width == 0 || height == 0 || width > kMax || height > kMax) {
    return Bad(
        absl::StrCat("its header claims ", width, " x ", height, " pixels"));
  }
  return ImageHeader{format, static_cast<int32_t>(width),
                     static_cast<int32_t>(height)};
}

// PNG: the signature, then the IHDR chunk: length, type, 13 bytes, CRC.
absl::StatusOr<ImageHeader> ParsePng(std::string_view bytes) {
  constexpr size_t kHeaderEnd = 8 + 4 + 4 + 13 + 4;
  if (bytes.size() < kHeaderEnd) return Bad("its PNG header is cut short");
  const std::string_view chunk = bytes.substr(12, 17);
  if (BigEndian32(bytes, 8) != 13 || chunk.substr(0, 4) != "IHDR") {
    return Bad("its PNG data does not start with an IHDR chunk");
  }
  if (Crc32(chunk) != BigEndian32(bytes, 29)) {
    return Bad("the checksum of its PNG header is wrong");
  }
  return MakeHeader(ImageFormat::kPng, BigEndian32(bytes, 16),
                    BigEndian32(bytes, 20));
}

// Markers that stand alone: TEM and RST0..RST7.
bool IsBareMarker(uint32_t marker) {
  return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

// SOF0..SOF15; DHT, JPG and DAC lie among them.
bool IsFrameMarker(uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
         marker != 0xcc;
}

absl::StatusOr<ImageHeader> ParseJpegFrame(std::string_view segment) {
  // Length, precision, height, width, number of components.
  if (segment.size() < 8) return Bad("its JPEG frame header is cut short");
  if (Byte(segment, 7) == 0) return Bad("its JPEG frame has no components");
  return MakeHeader(ImageFormat::kJpeg, BigEndian16(segment, 5),
                    BigEndian16(segment, 3));
}

absl::StatusOr<ImageHeader> ParseJpeg(std::string_view bytes) {
  size_t at = 2;
  while (at + 1 < bytes.size()) {
    if (Byte(bytes, at) != 0xff) return Bad("its JPEG segments are broken");
    const uint32_t marker = Byte(bytes, at + 1);
    if (marker == 0xff) {
      // A fill byte.
      ++at;
      continue;
    }
    at += 2;
    if (IsBareMarker(marker)) continue;
    if (marker == 0xd9 || marker == 0xda) {
      return Bad("its JPEG data has no frame header");
    }
    if (at + 2 > bytes.size()) break;
    const uint32_t length = BigEndian16(bytes, at);
    if (length < 2) return Bad("its JPEG segments are broken");
    if (at + length > bytes.size()) break;
    if (IsFrameMarker(marker)) return ParseJpegFrame(bytes.substr(at, length));
    at += length;
  }
  return Bad("its JPEG data is cut short");
}

// The canvas; its sides are stored less one in 24 bits each.
absl::StatusOr<ImageHeader> ParseWebpExtended(std::string_view payload) {
  constexpr uint32_t kAnimationFlag = 0x02;
  if (payload.size() < 10) return Bad("its WebP header is cut short");
  if (Byte(payload, 0) & kAnimationFlag) return Bad("it is an animated WebP");
  return MakeHeader(ImageFormat::kWebp, LittleEndian(payload, 4, 3) + 1,
                    LittleEndian(payload, 7, 3) + 1);
}

// A signature byte, then both sides less one in 14 bits each.
absl::StatusOr<ImageHeader> ParseWebpLossless(std::string_view payload) {
  if (payload.size() < 5) return Bad("its WebP header is cut short");
  if (Byte(payload, 0) != 0x2f) return Bad("its WebP data is broken");
  const uint32_t bits = LittleEndian(payload, 1, 4);
  return MakeHeader(ImageFormat::kWebp, (bits & 0x3fff) + 1,
                    (bits >> 14 & 0x3fff) + 1);
}

// A frame tag of three bytes, the start code, then both sides in the low 14
// of 16 bits.
absl::StatusOr<ImageHeader> ParseWebpLossy(std::string_view payload) {
  if (payload.size() < 10) return Bad("its WebP header is cut short");
  const bool key_frame = (Byte(payload, 0) & 1) == 0;
  if (!key_frame || payload.substr(3, 3) != "\x9d\x01\x2a"sv) {
    return Bad("its WebP data is broken");
  }
  return MakeHeader(ImageFormat::kWebp, LittleEndian(payload, 6, 2) & 0x3fff,
                    LittleEndian(payload, 8, 2) & 0x3fff);
}

// "RIFF", size, "WEBP", then chunks of type, size, payload.
absl::StatusOr<ImageHeader> ParseWebp(std::string_view bytes) {
  if (bytes.size() < 20) return Bad("its WebP header is cut short");
  if (LittleEndian(bytes, 4, 4) > bytes.size() - 8) {
    return Bad("its WebP data is cut short");
  }
  const std::string_view type = bytes.substr(12, 4);
  const std::string_view payload = bytes.substr(20);
  if (type == "VP8X") return ParseWebpExtended(payload);
  if (type == "VP8L") return ParseWebpLossless(payload);
  if (type == "VP8 ") return ParseWebpLossy(payload);
  return Bad("its WebP data is broken");
}

}  // namespace

absl::StatusOr<ImageHeader> ParseImageHeader(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return ParsePng(bytes);
  if (bytes.starts_with("\xff\xd8\xff"sv)) return ParseJpeg(bytes);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 &&
      bytes.substr(8, 4) == "WEBP") {
    return ParseWebp(bytes);
  }
  return Bad("it is neither JPEG, PNG nor WebP");
}

}  // namespace keel
