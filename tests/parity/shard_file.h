// A shard on disk for the parity tools: its samples, and their bytes. Kept
// free of worker/seam/job.h, whose ImageFormat is another than common/shard's.
#ifndef KEEL_TESTS_PARITY_SHARD_FILE_H_
#define KEEL_TESTS_PARITY_SHARD_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

// The first caption and the image of a sample; fields as in
// keel.storage.v1.SampleIndex.
struct ShardFileSample {
  std::string key;
  int64_t image_offset = 0;
  int32_t image_size_bytes = 0;
  std::string image_digest;
  int format = 0;
  std::string caption_digest;
  int64_t caption_offset = 0;
  int32_t caption_size_bytes = 0;
  int json_position = 0;
};

// The usable samples of the bytes of a shard, in tar order.
absl::StatusOr<std::vector<ShardFileSample>> IndexShard(
    const std::string& bytes);

}  // namespace keel

#endif  // KEEL_TESTS_PARITY_SHARD_FILE_H_
