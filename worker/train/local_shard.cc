#include "worker/train/local_shard.h"

#include <algorithm>

#include "common/file_system.h"
#include "common/shard/shard_indexer.h"
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

absl::StatusOr<std::vector<LocalShardSample>> IndexLocalShard(
    const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(const auto file, RandomAccessFile::Open(path));
  KEEL_ASSIGN_OR_RETURN(const ShardIndex index, Index(*file));
  std::vector<LocalShardSample> samples;
  for (const ShardSample& sample : index.samples) {
    const ShardCaption& caption = sample.captions.front();
    samples.push_back({.key = sample.key,
                       .image_offset = sample.image_offset,
                       .image_size_bytes = sample.image_size_bytes,
                       .image_digest = sample.image_digest,
                       .format = static_cast<int>(sample.format),
                       .caption_digest = caption.digest,
                       .caption_offset = caption.offset,
                       .caption_size_bytes = caption.size_bytes,
                       .json_position = caption.json_position});
  }
  return samples;
}

}  // namespace keel
