// The smallest image files whose headers are right: enough for an index, not
// for a decoder.
#ifndef KEEL_TESTS_TESTING_IMAGE_FILES_H_
#define KEEL_TESTS_TESTING_IMAGE_FILES_H_

#include <cstdint>
#include <string>

#include "common/sha256.h"

namespace keel::testing {

inline std::string BigEndian(uint64_t value, int bytes) {
  std::string text(bytes, '\0');
  for (int i = 0; i < bytes; ++i) {
    text[bytes - 1 - i] = static_cast<char>(value >> (8 * i));
  }
  return text;
}

inline std::string LittleEndian(uint64_t value, int bytes) {
  std::string text(bytes, '\0');
  for (int i = 0; i < bytes; ++i) text[i] = static_cast<char>(value >> (8 * i));
  return text;
}

// `tail` follows the header and makes files differ.
inline std::string PngFile(uint32_t width, uint32_t height,
                           const std::string& tail = "") {
  const std::string chunk = "IHDR" + BigEndian(width, 4) +
                            BigEndian(height, 4) +
                            std::string("\x08\x06\0\0\0", 5);
  return std::string("\x89PNG\r\n\x1a\n", 8) + BigEndian(13, 4) + chunk +
         BigEndian(Crc32(chunk), 4) + tail;
}

// `frame` is the marker of the frame header, 0xc0..0xcf.
inline std::string JpegFile(uint32_t width, uint32_t height, int frame = 0xc0) {
  return std::string("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0", 20) +
         "\xff" + static_cast<char>(frame) + BigEndian(11, 2) + '\x08' +
         BigEndian(height, 2) + BigEndian(width, 2) +
         std::string("\1\1\x11\0\xff\xda", 6);
}

// A RIFF container with one chunk of a type such as "VP8 ".
inline std::string WebpFile(const std::string& type,
                            const std::string& payload) {
  return "RIFF" + LittleEndian(12 + payload.size(), 4) + "WEBP" + type +
         LittleEndian(payload.size(), 4) + payload;
}
inline std::string LossyWebpFile(uint32_t width, uint32_t height) {
  return WebpFile("VP8 ", std::string("\x10\0\0\x9d\x01\x2a", 6) +
                              LittleEndian(width, 2) + LittleEndian(height, 2));
}
inline std::string LosslessWebpFile(uint32_t width, uint32_t height) {
  return WebpFile(
      "VP8L",
      std::string("\x2f") + LittleEndian((height - 1) << 14 | (width - 1), 4));
}
inline std::string ExtendedWebpFile(uint32_t width, uint32_t height,
                                    int flags = 0) {
  return WebpFile("VP8X", LittleEndian(flags, 4) + LittleEndian(width - 1, 3) +
                              LittleEndian(height - 1, 3));
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_IMAGE_FILES_H_
