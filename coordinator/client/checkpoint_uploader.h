// Sends the checkpoint that a stream is to start from.
#ifndef KEEL_COORDINATOR_CLIENT_CHECKPOINT_UPLOADER_H_
#define KEEL_COORDINATOR_CLIENT_CHECKPOINT_UPLOADER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/client/transfer.h"
#include "keel/v1/checkpoint.grpc.pb.h"

namespace keel {

// The files of an initial checkpoint at `path`: a folder in OpenCLIP's layout
// (open_clip_model.safetensors, and open_clip_config.json where there is
// one), or a .safetensors file, which takes that name. NOT_FOUND;
// INVALID_ARGUMENT: neither of them.
struct InitialFile {
  std::string name;
  std::string path;
};
absl::StatusOr<std::vector<InitialFile>> FindInitialCheckpoint(
    const std::string& path);

// Not thread-safe. The stub outlives it.
class CheckpointUploader {
 public:
  CheckpointUploader(v1::CheckpointService::StubInterface& stub,
                     TransferOptions options)
      : stub_(stub), options_(std::move(options)) {}

  // Returns the id for CreateStreamRequest.initial_checkpoint. A broken upload
  // starts anew. Blocks. Errors are the server's, or those of reading.
  absl::StatusOr<std::string> Upload(const std::vector<InitialFile>& files);

 private:
  absl::StatusOr<std::string> Try(const std::vector<InitialFile>& files,
                                  const std::vector<v1::CheckpointFile>& facts,
                                  int64_t total_bytes);

  v1::CheckpointService::StubInterface& stub_;
  const TransferOptions options_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_CHECKPOINT_UPLOADER_H_
