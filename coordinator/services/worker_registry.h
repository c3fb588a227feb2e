// The workers: their sessions, identities and messages. Thread-safe.
//
// A worker is (id, incarnation). The newest incarnation takes the place of
// older ones, which are refused from then on; the newest stream of one
// incarnation takes the place of the one before.
#ifndef KEEL_COORDINATOR_SERVICES_WORKER_REGISTRY_H_
#define KEEL_COORDINATOR_SERVICES_WORKER_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/services/cluster.h"
#include "coordinator/services/groups.h"
#include "coordinator/services/phases.h"
#include "coordinator/services/step_ledger.h"
#include "coordinator/services/tasks.h"

namespace keel {

class WorkerRegistry {
 public:
  // All outlive it.
  struct Parts {
    Cluster* cluster = nullptr;
    Groups* groups = nullptr;
    Phases* phases = nullptr;
    Tasks* tasks = nullptr;
    StepLedger* steps = nullptr;
  };
  explicit WorkerRegistry(const Parts& parts) : parts_(parts) {}

  // Takes the first message of a stream and welcomes the worker; returns the
  // session's number. ABORTED: CLUSTER_MISMATCH or STALE_INCARNATION.
  // INVALID_ARGUMENT: no hello, or an illegal id.
  absl::StatusOr<int64_t> Attach(const v1::WorkerMessage& first,
                                 std::shared_ptr<MessageSink> sink);
  // Takes a further message. ABORTED: the session was replaced, or the
  // message is not from it.
  absl::Status Handle(const std::string& worker_id, int64_t session,
                      const v1::WorkerMessage& message);
  // The stream is over.
  void Detach(const std::string& worker_id, int64_t session);

  std::vector<v1::Worker> List();
  // NOT_FOUND: no such worker is attached.
  absl::StatusOr<v1::Worker> Drain(const std::string& worker_id);

  // Drops a worker that is gone; part of the planner's actions.
  void Evict(ClusterState& state, const EvictWorker& action);
  // Takes those off the list that have been gone for ten minutes.
  void ForgetLost(ClusterState& state);
  // Ends all streams, for shutdown.
  void CancelAll();

 private:
  absl::Status CheckHello(const ClusterState& state,
                          const v1::WorkerMessage& first) const;
  void Welcome(ClusterState& state, WorkerState& worker,
               const v1::Hello& hello);
  void Dispatch(ClusterState& state, WorkerState& worker,
                const v1::WorkerMessage& message);
  void HandleSteps(ClusterState& state, const WorkerState& worker,
                   const v1::StepReports& reports);
  // Once it is out of the generation that it was told to leave.
  void HandleLeft(WorkerState& worker, bool left);
  void HandleGroupEnded(ClusterState& state, WorkerState& worker,
                        const v1::GroupEnded& ended);

  const Parts parts_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_WORKER_REGISTRY_H_
