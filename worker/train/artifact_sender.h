// Writes checkpoints and resume points to the job's folder and uploads them.
#ifndef KEEL_WORKER_TRAIN_ARTIFACT_SENDER_H_
#define KEEL_WORKER_TRAIN_ARTIFACT_SENDER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/model/clip_model.h"
#include "worker/seam/environment.h"
#include "worker/seam/executor.h"
#include "worker/seam/job.h"

namespace keel {

// Thread-safe: sends may overlap.
class ArtifactSender {
 public:
  // `job` and `context` outlive the sender.
  ArtifactSender(const TrainJob& job, TrainContext& context, DeviceInfo device)
      : job_(job), context_(context), device_(std::move(device)) {}

  // Writes `model` (and `state`, for a resume point; for the result of method
  // ewc `fisher`), uploads the files and
  // removes them. Blocks, also while the coordinator is away. Errors are the
  // file system's and Upload's.
  absl::Status Send(ArtifactKind kind, int64_t step_count,
                    const ClipModel& model, const TrainerState* state = nullptr,
                    const Fisher* fisher = nullptr) const;

 private:
  ManifestInfo Info(ArtifactKind kind, int64_t step_count) const;

  const TrainJob& job_;
  TrainContext& context_;
  const DeviceInfo device_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_ARTIFACT_SENDER_H_
