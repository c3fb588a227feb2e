// Hands results and resume points to the coordinator.
#ifndef KEEL_WORKER_AGENT_ARTIFACT_UPLOADER_H_
#define KEEL_WORKER_AGENT_ARTIFACT_UPLOADER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "keel/v1/checkpoint.pb.h"
#include "keel/v1/worker.grpc.pb.h"
#include "worker/agent/backoff.h"
#include "worker/seam/job.h"

namespace keel {

// Thread-safe. Blocks.
class ArtifactUploader {
 public:
  struct Options {
    int64_t frame_bytes = 1 << 20;
    // A try may take this long, and as much more as the files need at the
    // lowest speed.
    absl::Duration attempt_timeout = absl::Minutes(2);
    int64_t min_bytes_per_second = 1 << 20;
    Backoff::Options backoff;
    // INVALID_ARGUMENT: names the field.
    absl::Status Validate() const;
  };

  ArtifactUploader(const Options& options,
                   std::shared_ptr<grpc::Channel> channel);

  // Tries until the coordinator has made the files durable; the caller keeps
  // them until then. A coordinator that is away or whose disk is full is waited
  // for, without bound. CANCELLED: `stop` was notified, also
  // while an answer is waited for. ABORTED and all
  // others are the coordinator's final word.
  absl::Status Upload(const v1::ArtifactHeader& header,
                      const std::vector<LocalFile>& files,
                      const absl::Notification& stop);

 private:
  struct SourceFile {
    v1::CheckpointFile description;
    std::string path;
  };
  using Writer = grpc::ClientWriter<v1::UploadArtifactRequest>;

  absl::Status Attempt(const v1::ArtifactHeader& header,
                       const std::vector<SourceFile>& files,
                       const absl::Notification& stop);
  absl::Time Deadline(const std::vector<SourceFile>& files) const;
  // False once the stream is broken; the reason is in its status.
  absl::StatusOr<bool> SendFile(const SourceFile& file,
                                const absl::Notification& stop, Writer& writer);
  absl::StatusOr<bool> SendAll(const v1::ArtifactHeader& header,
                               const std::vector<SourceFile>& files,
                               const absl::Notification& stop, Writer& writer);

  const Options options_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_ARTIFACT_UPLOADER_H_
