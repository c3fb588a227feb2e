// The training half, as the agent sees it. worker/train implements it with
// LibTorch; tests of the agent use a fake.
#ifndef KEEL_WORKER_SEAM_EXECUTOR_H_
#define KEEL_WORKER_SEAM_EXECUTOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"

namespace keel {

// What this machine trains with.
struct DeviceInfo {
  std::string device = "cpu";
  int threads = 1;
  std::string capability;
};

// Not thread-safe: one job at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual DeviceInfo device() const = 0;
  // Trains until the phase's last step is committed and (on rank 0) the
  // result is uploaded. OK: finished. ABORTED: a peer, the network or a
  // regroup order ended the group; the worker is ready for another one.
  // CANCELLED: stop was requested. INVALID_ARGUMENT, FAILED_PRECONDITION (such
  // as too many struck samples) and UNIMPLEMENTED: the phase cannot be trained
  // anywhere. Anything else is a fault of this machine.
  virtual absl::Status Train(const TrainJob& job, TrainContext& context) = 0;
  virtual absl::StatusOr<std::vector<RecallResult>> Evaluate(
      const EvaluateJob& job, TaskContext& context) = 0;
  virtual absl::StatusOr<std::vector<DriftResult>> MeasureDrift(
      const DriftJob& job, TaskContext& context) = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_SEAM_EXECUTOR_H_
