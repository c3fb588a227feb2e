#include "worker/data/local_shard.h"

#include <algorithm>
#include <utility>

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

SampleRef ToSampleRef(const ShardSample& from) {
  SampleRef to;
  to.key = from.key;
  to.image_offset = from.image_offset;
  to.image_size_bytes = from.image_size_bytes;
  to.image_digest = from.image_digest;
  to.format = from.format;
  for (const ShardCaption& caption : from.captions) {
    to.captions.push_back({caption.digest, caption.offset, caption.size_bytes,
                           caption.json_position});
  }
  return to;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalShard>> LocalShard::Open(
    const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(auto file, RandomAccessFile::Open(path));
  KEEL_ASSIGN_OR_RETURN(ShardIndex index, Index(*file));
  SampleList list;
  list.chunk_digest = path;
  for (const ShardSample& sample : index.samples) {
    list.samples.push_back(ToSampleRef(sample));
  }
  index.samples.clear();
  return std::unique_ptr<LocalShard>(
      new LocalShard(std::move(file), std::move(list), std::move(index)));
}

LocalShard::LocalShard(std::unique_ptr<RandomAccessFile> file, SampleList list,
                       ShardIndex left_out)
    : file_(std::move(file)),
      samples_{std::move(list)},
      left_out_(std::move(left_out)) {}

absl::StatusOr<std::string> LocalShard::Read(const std::string&, int64_t offset,
                                             int64_t length) {
  return file_->Read(offset, length);
}

}  // namespace keel
