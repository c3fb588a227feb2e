// One optimizer update over one global batch, by one member of the group.
#ifndef KEEL_WORKER_TRAIN_STEP_H_
#define KEEL_WORKER_TRAIN_STEP_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "worker/comm/bucket_reducer.h"
#include "worker/comm/communicator.h"
#include "worker/data/sample_loader.h"
#include "worker/model/clip_model.h"
#include "worker/seam/config.h"
#include "worker/seam/job.h"
#include "worker/train/ewc.h"
#include "worker/train/loss_function.h"
#include "worker/train/method.h"
#include "worker/train/optimizer.h"
#include "worker/train/row_exchange.h"
#include "worker/train/stage_clock.h"
#include "worker/train/teacher.h"
#include "worker/train/vote.h"

namespace keel {

// What a step is to be.
struct StepOrder {
  int64_t step = 0;
  int epoch = 0;
  double learning_rate = 0;
  // This member is to leave after the step.
  bool stop = false;
};

struct StepOutcome {
  // Its time and rate are set; sent by member 0 alone.
  StepReport report;
  // Rows of this member.
  int64_t local_rows = 0;
  // Some member is to leave: the group ends here.
  bool stop = false;
};

// Not thread-safe.
class TrainStep {
 public:
  struct Parts {
    const ClipModel& student;
    // Null if the method needs none.
    Teacher* teacher;
    // The student's BatchNorm normalises over the group's batch.
    bool sync_batch_norm;
    const Method& method;
    const TrainConfig& config;
    AdamW& optimizer;
    BucketReducer& reducer;
    Communicator& communicator;
    StageClock& clock;
    uint64_t accounting_key;
    // Null but for method ewc.
    Ewc* ewc = nullptr;
  };

  // What `parts` refers to outlives the step.
  explicit TrainStep(const Parts& parts) : parts_(parts) {}

  // Collective. OK: committed on every member. ABORTED: the group broke, the
  // step was applied nowhere this member knows of. FAILED_PRECONDITION, on all
  // members: the loss or a gradient is not finite, and nothing was applied.
  absl::StatusOr<StepOutcome> Run(const StepOrder& order,
                                  const LoadedRows& rows,
                                  const GroupRows& group);

 private:
  // Null unless BatchNorm is synchronised.
  BatchNormSyncPtr MakeSync() const;
  // The features of the teacher, if there is one.
  absl::StatusOr<LocalFeatures> EncodeTeacher(const LoadedRows& rows,
                                              const at::Tensor& images);
  // Clips if asked to; true, on the device, if all gradients are finite.
  at::Tensor CheckGradients();
  Ballot BallotFor(const StepOrder& order, const LoadedRows& rows) const;
  StepReport Report(const StepOrder& order, const LossResult& loss,
                    const VoteResult& vote, const GroupRows& group) const;

  const Parts parts_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_STEP_H_
