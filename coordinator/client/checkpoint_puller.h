// Brings published checkpoints into a folder: whole, verified, or not at all.
#ifndef KEEL_COORDINATOR_CLIENT_CHECKPOINT_PULLER_H_
#define KEEL_COORDINATOR_CLIENT_CHECKPOINT_PULLER_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "coordinator/client/transfer.h"
#include "keel/v1/checkpoint.grpc.pb.h"

namespace keel {

// Not thread-safe. The stub outlives it.
class CheckpointPuller {
 public:
  CheckpointPuller(v1::CheckpointService::StubInterface& stub,
                   TransferOptions options)
      : stub_(stub), options_(std::move(options)) {}

  // Puts the checkpoint's files into `folder`, which is created; the manifest
  // last. A file that is there with the right digest is kept; a download that
  // broke lies in NAME.partial and goes on from there. The progress counts the
  // bytes of all files. Blocks. DATA_LOSS: the bytes do not have the
  // checkpoint's digest, also when loaded anew.
  absl::Status Pull(const v1::Checkpoint& checkpoint,
                    const std::string& folder);

 private:
  absl::Status PullFile(const v1::Checkpoint& checkpoint,
                        const v1::CheckpointFile& file,
                        const std::string& folder);
  // Loads what is missing of `partial`, then checks the digest; removes it if
  // that is wrong.
  absl::Status TryPull(const v1::Checkpoint& checkpoint,
                       const v1::CheckpointFile& file,
                       const std::string& partial, RetryBudget& budget);
  absl::Status LoadRest(const v1::Checkpoint& checkpoint,
                        const v1::CheckpointFile& file, AppendableFile& output,
                        RetryBudget& budget);
  void Report(int64_t bytes_of_file) const;

  v1::CheckpointService::StubInterface& stub_;
  const TransferOptions options_;
  // Bytes of the files that are done, and of all.
  int64_t done_bytes_ = 0;
  int64_t total_bytes_ = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_CHECKPOINT_PULLER_H_
