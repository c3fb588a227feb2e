// The path of a tar entry as WebDataset reads it. Thread-safe.
#ifndef KEEL_COMMON_SHARD_ENTRY_PATH_H_
#define KEEL_COMMON_SHARD_ENTRY_PATH_H_

#include <string>
#include <string_view>

namespace keel {

// What an entry is to its sample.
enum class EntryRole {
  kIgnored,
  // ".v2.jpg" and the like: another field of its sample, and no image, but
  // perhaps meant as one.
  kDottedImage,
  kImage,
  kText,
  kJson,
};

struct EntryPath {
  // The path, without leading "./", up to the first dot of its base name.
  // Empty: the entry belongs to no sample (a base name without a dot, or one
  // that starts with a dot, as macOS' "._a.jpg", or "__meta__.json").
  std::string key;
  // Lower case, without the first dot: "jpg", "seg.png".
  std::string extension;
  EntryRole role = EntryRole::kIgnored;
};

EntryPath ParseEntryPath(std::string_view path);

// True for an absolute path, and for one with ".." among its parts.
bool EscapesFolder(std::string_view path);

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_ENTRY_PATH_H_
