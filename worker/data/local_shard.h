// A shard on this machine's disk as the loader's input: for tools that need
// no coordinator.
#ifndef KEEL_WORKER_DATA_LOCAL_SHARD_H_
#define KEEL_WORKER_DATA_LOCAL_SHARD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/file_system.h"
#include "common/shard/shard_types.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"

namespace keel {

// Thread-safe. Its samples are those that a stream takes by its default limits
// (shard_types.h), in tar order.
class LocalShard : public ChunkReader {
 public:
  // INVALID_ARGUMENT: not a tar, or no usable sample; else the file system's
  // errors.
  static absl::StatusOr<std::unique_ptr<LocalShard>> Open(
      const std::string& path);

  // One list.
  const std::vector<SampleList>& samples() const { return samples_; }
  // What was left out; the samples are not in it.
  const ShardIndex& left_out() const { return left_out_; }
  absl::StatusOr<std::string> Read(const std::string& chunk_digest,
                                   int64_t offset, int64_t length) override;

 private:
  LocalShard(std::unique_ptr<RandomAccessFile> file, SampleList list,
             ShardIndex left_out);

  const std::unique_ptr<RandomAccessFile> file_;
  const std::vector<SampleList> samples_;
  const ShardIndex left_out_;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_LOCAL_SHARD_H_
