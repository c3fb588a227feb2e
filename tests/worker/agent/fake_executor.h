// An Executor whose work a test supplies.
#ifndef KEEL_TESTS_WORKER_AGENT_FAKE_EXECUTOR_H_
#define KEEL_TESTS_WORKER_AGENT_FAKE_EXECUTOR_H_

#include <functional>
#include <vector>

#include "worker/seam/executor.h"

namespace keel {

class FakeExecutor : public Executor {
 public:
  std::function<absl::Status(const TrainJob&, TrainContext&)> train =
      [](const TrainJob&, TrainContext&) { return absl::OkStatus(); };
  std::function<absl::StatusOr<std::vector<RecallResult>>(const EvaluateJob&,
                                                          TaskContext&)>
      evaluate = [](const EvaluateJob&, TaskContext&) {
        return std::vector<RecallResult>();
      };
  std::function<absl::StatusOr<std::vector<DriftResult>>(const DriftJob&,
                                                         TaskContext&)>
      drift = [](const DriftJob&, TaskContext&) {
        return std::vector<DriftResult>();
      };

  DeviceInfo device() const override { return {"cpu", 3, "AVX2"}; }
  absl::Status Train(const TrainJob& job, TrainContext& context) override {
    return train(job, context);
  }
  absl::StatusOr<std::vector<RecallResult>> Evaluate(
      const EvaluateJob& job, TaskContext& context) override {
    return evaluate(job, context);
  }
  absl::StatusOr<std::vector<DriftResult>> MeasureDrift(
      const DriftJob& job, TaskContext& context) override {
    return drift(job, context);
  }
};

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_AGENT_FAKE_EXECUTOR_H_
