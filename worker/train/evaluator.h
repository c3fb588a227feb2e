// The tasks after a phase: recall of a checkpoint on probe sets, and spatial
// disorder against a reference checkpoint. Results also go to the worker's
// metrics. Stateless.
#ifndef KEEL_WORKER_TRAIN_EVALUATOR_H_
#define KEEL_WORKER_TRAIN_EVALUATOR_H_

#include <ATen/ATen.h>

#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/tokenizer.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"
#include "worker/train/evaluation_series.h"

namespace keel {

// What the tasks run on; all of it outlives the call.
struct EvaluationEnvironment {
  TaskContext& context;
  EvaluationSeries& metrics;
  const Tokenizer& tokenizer;
  at::Device device;
};

// One result for each probe set of which a sample decodes. CANCELLED: the task
// was stopped; else the errors of checkpoint_folder.h and of the reader.
absl::StatusOr<std::vector<RecallResult>> EvaluateRecall(
    const EvaluateJob& job, const EvaluationEnvironment& environment);

// One result for each probe set of which two samples decode. Errors as above.
absl::StatusOr<std::vector<DriftResult>> EvaluateDrift(
    const DriftJob& job, const EvaluationEnvironment& environment);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EVALUATOR_H_
