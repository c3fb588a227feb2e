// What a member starts a phase with: models and optimizer state from files.
#ifndef KEEL_WORKER_TRAIN_PHASE_STATE_H_
#define KEEL_WORKER_TRAIN_PHASE_STATE_H_

#include <ATen/ATen.h>

#include <functional>
#include <optional>

#include "absl/status/statusor.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/model/clip_model.h"
#include "worker/seam/job.h"

namespace keel {

struct PhaseState {
  // Requires gradients.
  ClipModel student;
  // The parent checkpoint's model, frozen; none: the student is random.
  std::optional<ClipModel> parent;
  // The parent's Fisher diagonal, if it has one.
  std::optional<Fisher> fisher;
  // Of the resume point; none: the phase starts at step 0.
  std::optional<TrainerState> resumed;
};

// Reads the job's files. DATA_LOSS, INVALID_ARGUMENT, NOT_FOUND as
// checkpoint_folder.h says; FAILED_PRECONDITION: the resume point is of
// another step than the job's. CANCELLED: `stopped`, which is asked before
// each file, said true.
absl::StatusOr<PhaseState> LoadPhaseState(const TrainJob& job,
                                          at::Device device,
                                          const std::function<bool()>& stopped);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_PHASE_STATE_H_
