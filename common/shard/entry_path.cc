#include "common/shard/entry_path.h"

#include <cstddef>

#include "absl/strings/ascii.h"

namespace keel {
namespace {

bool IsImage(std::string_view extension) {
  return extension == "jpg" || extension == "jpeg" || extension == "png" ||
         extension == "webp";
}

EntryRole RoleOf(std::string_view extension) {
  if (IsImage(extension)) return EntryRole::kImage;
  if (extension == "txt") return EntryRole::kText;
  if (extension == "json") return EntryRole::kJson;
  // npos + 1 is 0, and an extension without a dot is no image here.
  return IsImage(extension.substr(extension.rfind('.') + 1))
             ? EntryRole::kDottedImage
             : EntryRole::kIgnored;
}

bool IsMetaName(std::string_view stem) {
  return stem.size() >= 4 && stem.starts_with("__") && stem.ends_with("__");
}

}  // namespace

EntryPath ParseEntryPath(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  const size_t slash = path.rfind('/');
  const size_t base = slash == std::string_view::npos ? 0 : slash + 1;
  const size_t dot = path.find('.', base);
  if (dot == std::string_view::npos || dot == base) return {};
  if (IsMetaName(path.substr(base, dot - base))) return {};
  EntryPath result;
  result.key = std::string(path.substr(0, dot));
  result.extension = std::string(path.substr(dot + 1));
  absl::AsciiStrToLower(&result.extension);
  result.role = RoleOf(result.extension);
  return result;
}

bool EscapesFolder(std::string_view path) {
  if (path.starts_with('/')) return true;
  while (true) {
    const size_t slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace keel
