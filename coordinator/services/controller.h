// The loop that brings what is to what should be: every 100 ms, and at once
// after a change, it asks the planner and executes its actions, each durable
// before it is told. An action that failed waits a second before it is tried
// again; what concerns other phases goes on meanwhile. A restart needs no
// special path. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_CONTROLLER_H_
#define KEEL_COORDINATOR_SERVICES_CONTROLLER_H_

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/core/planner.h"
#include "coordinator/services/cluster.h"
#include "coordinator/services/groups.h"
#include "coordinator/services/phase_maker.h"
#include "coordinator/services/phases.h"
#include "coordinator/services/step_ledger.h"
#include "coordinator/services/tasks.h"
#include "coordinator/services/worker_registry.h"

namespace keel {

class Controller {
 public:
  // All outlive it.
  struct Parts {
    Cluster* cluster = nullptr;
    Groups* groups = nullptr;
    Phases* phases = nullptr;
    Tasks* tasks = nullptr;
    StepLedger* steps = nullptr;
    PhaseMaker* maker = nullptr;
    WorkerRegistry* workers = nullptr;
  };

  explicit Controller(const Parts& parts) : parts_(parts) {}
  ~Controller() { Stop(); }

  // Starts the ticker's thread.
  void Start();
  // Ends and joins it. Steps that are not durable yet were not acknowledged:
  // they come again.
  void Stop();
  // One pass of the loop, for who drives it without its thread. False: an
  // action failed.
  bool Tick();

 private:
  struct Executor;

  void Loop();
  void ForgetOldUploadsIfDue();
  bool ExecuteUnderLock(ClusterState& state, std::vector<Action>& rest);
  bool Succeeded(const Action& action, const absl::Status& status);
  bool stopped();

  static constexpr absl::Duration kTickEvery = absl::Milliseconds(100);
  static constexpr absl::Duration kPauseAfterFailure = absl::Seconds(1);
  static constexpr absl::Duration kForgetEvery = absl::Hours(1);

  const Parts parts_;
  // Of the loop.
  absl::Time next_forgetting_ = absl::InfinitePast();
  // When actions that failed may be tried again. Used by Tick only.
  std::map<std::string, absl::Time> retry_times_;
  std::thread ticker_;
  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_CONTROLLER_H_
