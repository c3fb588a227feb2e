// One 512-byte header block of a tar: v7, ustar or GNU. Safe for hostile
// bytes. Thread-safe.
#ifndef KEEL_COMMON_SHARD_TAR_HEADER_H_
#define KEEL_COMMON_SHARD_TAR_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keel {

inline constexpr int kTarBlockBytes = 512;
// No entry is larger; keeps sums of offsets and sizes far from overflow.
inline constexpr int64_t kMaxTarEntryBytes = int64_t{1} << 56;

struct TarHeader {
  // Prefix and name.
  std::string path;
  int64_t size = 0;
  // As stored; '0' and NUL are plain files.
  char type = 0;
};

// True if every byte of the block is zero: the mark of the tar's end.
bool IsZeroBlock(std::string_view block);

// INVALID_ARGUMENT: a wrong checksum, or a size that is no number, negative
// or above kMaxTarEntryBytes.
absl::StatusOr<TarHeader> ParseTarHeader(std::string_view block);

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_TAR_HEADER_H_
