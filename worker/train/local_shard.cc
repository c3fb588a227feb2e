#include "worker/train/local_shard.h"

#include <algorithm>

#include "common/file_system.h"
#include "common/status_macros.h"

namespace keel {
namespace {

// Bytes read at a time.
constexpr int64_t kPiece = int64_t{1} << 20;

absl::StatusOr<ShardIndex> Index(const RandomAccessFile& file) {
  ShardIndexer indexer(ShardLimits{});
  for (int64_t offset = 0; offset < file.size(); offset += kPiece) {
    KEEL_ASSIGN_OR_RETURN(
        const std::string piece,
        file.Read(offset, std::min(kPiece, file.size() - offset)));
    KEEL_RETURN_IF_ERROR(indexer.Consume(piece));
  }
  return indexer.Finish();
}

}  // namespace

absl::StatusOr<ShardIndex> IndexLocalShard(const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(const auto file, RandomAccessFile::Open(path));
  return Index(*file);
}

}  // namespace keel
