#include "tests/parity/shard_file.h"

#include "common/shard/shard_indexer.h"
#include "common/status_macros.h"

namespace keel {

absl::StatusOr<std::vector<ShardFileSample>> IndexShard(
    const std::string& bytes) {
  ShardIndexer indexer{ShardLimits()};
  KEEL_RETURN_IF_ERROR(indexer.Consume(bytes));
  KEEL_ASSIGN_OR_RETURN(const ShardIndex index, indexer.Finish());
  std::vector<ShardFileSample> samples;
  for (const ShardSample& sample : index.samples) {
    const ShardCaption& caption = sample.captions.front();
    samples.push_back({sample.key, sample.image_offset, sample.image_size_bytes,
                       sample.image_digest, static_cast<int>(sample.format),
                       caption.digest, caption.offset, caption.size_bytes,
                       caption.json_position});
  }
  return samples;
}

}  // namespace keel
