// The training half of a worker, by LibTorch.
#ifndef KEEL_WORKER_TRAIN_EXECUTOR_H_
#define KEEL_WORKER_TRAIN_EXECUTOR_H_

#include <c10/core/Device.h>

#include <vector>

#include "common/clock.h"
#include "common/metrics/registry.h"
#include "worker/data/tokenizer.h"
#include "worker/seam/executor.h"
#include "worker/train/evaluation_series.h"
#include "worker/train/executor_factory.h"

namespace keel {

// As Executor says. LibTorch's exceptions end here, as INTERNAL or
// RESOURCE_EXHAUSTED.
class TorchExecutor : public Executor {
 public:
  // `metrics` outlives the executor.
  TorchExecutor(const ExecutorOptions& options, c10::Device device,
                Metrics& metrics);

  DeviceInfo device() const override { return info_; }
  absl::Status Train(const TrainJob& job, TrainContext& context) override;
  absl::StatusOr<std::vector<RecallResult>> Evaluate(
      const EvaluateJob& job, TaskContext& context) override;
  absl::StatusOr<std::vector<DriftResult>> MeasureDrift(
      const DriftJob& job, TaskContext& context) override;

 private:
  const ExecutorOptions options_;
  const c10::Device device_;
  const DeviceInfo info_;
  Metrics& metrics_;
  EvaluationSeries evaluation_series_;
  const SystemClock clock_;
  const Tokenizer tokenizer_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EXECUTOR_H_
