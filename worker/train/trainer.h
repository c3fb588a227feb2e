// Trains a phase as one member of a group.
#ifndef KEEL_WORKER_TRAIN_TRAINER_H_
#define KEEL_WORKER_TRAIN_TRAINER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/metrics/registry.h"
#include "common/plan/phase_schedule.h"
#include "worker/comm/bucket_reducer.h"
#include "worker/comm/communicator.h"
#include "worker/data/sample_loader.h"
#include "worker/data/tokenizer.h"
#include "worker/seam/environment.h"
#include "worker/seam/executor.h"
#include "worker/seam/job.h"
#include "worker/train/artifact_sender.h"
#include "worker/train/ewc.h"
#include "worker/train/live_drift.h"
#include "worker/train/method.h"
#include "worker/train/optimizer.h"
#include "worker/train/phase_state.h"
#include "worker/train/resume_writer.h"
#include "worker/train/schedule.h"
#include "worker/train/stage_clock.h"
#include "worker/train/step.h"
#include "worker/train/struck_limit.h"
#include "worker/train/teacher.h"

namespace keel {

struct TrainerOptions {
  at::Device device = at::Device(at::kCPU);
  DeviceInfo info;
  // Where peers reach this member.
  std::string address = "127.0.0.1";
  std::string interface;
  // How long a member that was told to leave waits for the others to reach
  // the step boundary too, at least; slow steps lengthen it.
  absl::Duration leave_grace = absl::Seconds(5);
  int64_t crop_cache_bytes = int64_t{512} << 20;
  int64_t teacher_cache_bytes = int64_t{256} << 20;
};

// What a Trainer refers to; all of it outlives the trainer. The clock paces
// resume points only.
struct TrainerEnvironment {
  const TrainJob& job;
  TrainContext& context;
  Metrics& metrics;
  const Clock& clock;
  const Tokenizer& tokenizer;
};

// Not thread-safe; one phase, one generation.
class Trainer {
 public:
  // Loads the job's state. Errors as LoadPhaseState, MakeMethod and
  // PhaseSchedule::Create.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const TrainerOptions& options, const TrainerEnvironment& environment);
  ~Trainer();

  // Forms the group and trains, as Executor::Train says. Throws what LibTorch
  // throws.
  absl::Status Run();

 private:
  Trainer(const TrainerOptions& options, const TrainerEnvironment& environment,
          PhaseState state, std::unique_ptr<Method> method,
          PhaseSchedule schedule);

  absl::Status Form();
  absl::Status Start();
  // Live drift is a convenience: what goes wrong with it is only logged.
  void StartLiveDrift();
  void MeasureLiveDrift(int64_t step_count);
  absl::Status Loop();
  void Commit(const StepOutcome& outcome);
  void ExportStep(const StepReport& report, int64_t local_rows);
  absl::Status Leave(int64_t step_count);
  absl::Status Finish();

  // The rows of this member in step `job.start_step + index`.
  std::optional<std::vector<RowRequest>> RequestsOf(int64_t index) const;
  bool GivesUp(absl::Duration waited) const;
  Snapshot TakeSnapshot(int64_t step_count) const;
  absl::Status SendResumePoint(const Snapshot& snapshot) const;
  ClipModel FinalModel() const;

  const TrainerOptions options_;
  const TrainerEnvironment env_;
  PhaseState state_;
  const std::unique_ptr<Method> method_;
  const PhaseSchedule schedule_;
  const LearningRateSchedule rates_;
  const ArtifactSender sender_;
  SampleLoader loader_;
  StruckLimit struck_limit_;
  AdamW optimizer_;
  std::optional<Teacher> teacher_;
  std::optional<Ewc> ewc_;
  StageClock clock_;
  // Seconds of the slowest step so far.
  double slowest_step_ = 0;

  // Of the group; set by Form and Start.
  std::unique_ptr<Communicator> communicator_;
  std::unique_ptr<BucketReducer> reducer_;
  std::unique_ptr<ResumeWriter> resume_writer_;  // on member 0
  // On member 0, if it is on and there is a parent.
  std::unique_ptr<LiveDrift> live_drift_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_TRAINER_H_
