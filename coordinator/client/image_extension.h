// File names of images as Keel's shards take them.
#ifndef KEEL_COORDINATOR_CLIENT_IMAGE_EXTENSION_H_
#define KEEL_COORDINATOR_CLIENT_IMAGE_EXTENSION_H_

#include <string>

#include "absl/strings/ascii.h"

namespace keel {

// "jpg", "jpeg", "png" or "webp", in lower case; empty: another one.
inline std::string ImageExtension(const std::string& path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string::npos) return "";
  const std::string extension = absl::AsciiStrToLower(path.substr(dot + 1));
  for (const char* known : {"jpg", "jpeg", "png", "webp"}) {
    if (extension == known) return extension;
  }
  return "";
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_IMAGE_EXTENSION_H_
