#include "worker/train/phase_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {
namespace {

// A trainable copy of `model`.
absl::StatusOr<ClipModel> Copy(const ClipModel& model, at::Device device) {
  return ClipModel::FromTensors(model.config(), model.state(), device);
}

absl::StatusOr<ClipModel> LoadStudent(const TrainJob& job,
                                      const std::optional<ClipModel>& parent,
                                      at::Device device) {
  if (!job.resume_files.empty()) {
    return LoadModel(job.resume_files, device, job.config.model);
  }
  if (parent.has_value()) return Copy(*parent, device);
  return ClipModel::Random(job.config.model, job.config.train.seed, device);
}

absl::StatusOr<TrainerState> LoadResumed(const TrainJob& job,
                                         const ClipModel& student) {
  KEEL_ASSIGN_OR_RETURN(TrainerState state,
                        LoadTrainerState(job.resume_files, student));
  if (state.phase_step == job.start_step) return state;
  return absl::FailedPreconditionError(
      absl::StrCat("the resume point is of step ", state.phase_step,
                   ", the order says ", job.start_step));
}

}  // namespace

absl::StatusOr<PhaseState> LoadPhaseState(
    const TrainJob& job, at::Device device,
    const std::function<bool()>& stopped) {
  const absl::Status cancelled = absl::CancelledError("stopped");
  std::optional<ClipModel> parent;
  std::optional<Fisher> fisher;
  if (!job.parent_files.empty()) {
    if (stopped()) return cancelled;
    KEEL_ASSIGN_OR_RETURN(
        parent, LoadModel(job.parent_files, device, job.config.model));
    parent->RequireGrad(false);
    if (stopped()) return cancelled;
    KEEL_ASSIGN_OR_RETURN(fisher, LoadFisher(job.parent_files, *parent));
  }
  if (stopped()) return cancelled;
  KEEL_ASSIGN_OR_RETURN(ClipModel student, LoadStudent(job, parent, device));
  student.RequireGrad(true);
  PhaseState state{std::move(student), std::move(parent), std::move(fisher),
                   std::nullopt};
  if (!job.resume_files.empty() || job.start_step > 0) {
    if (stopped()) return cancelled;
    KEEL_ASSIGN_OR_RETURN(state.resumed, LoadResumed(job, state.student));
  }
  return state;
}

}  // namespace keel
