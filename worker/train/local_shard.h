// A shard on this machine's disk: its usable samples, with the places of their
// bytes. Kept free of worker/seam/job.h, whose ImageFormat is another type than
// common/shard's.
#ifndef KEEL_WORKER_TRAIN_LOCAL_SHARD_H_
#define KEEL_WORKER_TRAIN_LOCAL_SHARD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

// A sample with its first caption; fields as in keel.storage.v1.SampleIndex.
struct LocalShardSample {
  std::string key;
  int64_t image_offset = 0;
  int32_t image_size_bytes = 0;
  std::string image_digest;
  // keel.storage.v1.SampleIndex.Format.
  int format = 0;
  std::string caption_digest;
  int64_t caption_offset = 0;
  int32_t caption_size_bytes = 0;
  int json_position = 0;
};

// In tar order. INVALID_ARGUMENT: not a tar; else the file system's errors.
absl::StatusOr<std::vector<LocalShardSample>> IndexLocalShard(
    const std::string& path);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOCAL_SHARD_H_
