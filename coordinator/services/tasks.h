// Leased work of a phase's evaluation: which tasks there are, who holds them,
// and their results. Functions run under the cluster's lock.
#ifndef KEEL_COORDINATOR_SERVICES_TASKS_H_
#define KEEL_COORDINATOR_SERVICES_TASKS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/services/cluster.h"

namespace keel {

class Tasks {
 public:
  // `cluster` outlives it.
  explicit Tasks(Cluster& cluster) : cluster_(cluster) {}

  // Adds the tasks that measure the phase's result: its recall on every probe
  // set, that of checkpoint 0 and of the first trained one where it is not
  // known, and its drift against its parent and against the phases that the
  // probe sets come from. None without probe sets.
  static void AddFor(const ClusterState& state, const StreamState& stream,
                     const PhaseState& phase, Edit& edit);
  // Adds the removal of a phase's tasks.
  static void AddRemoval(const ClusterState& state, const v1::Phase& phase,
                         Edit& edit);
  // Workers that hold a task of the phase, each with its task's id.
  static std::vector<std::pair<std::string, std::string>> HoldersOf(
      const ClusterState& state, const v1::Phase& phase);
  // Tells a worker to give its task up.
  static void Cancel(ClusterState& state, const std::string& worker_id,
                     const std::string& task_id);

  absl::Status Assign(ClusterState& state, const AssignTask& action);
  absl::Status Release(ClusterState& state, const ReleaseTask& action);
  // The holder's lease begins anew.
  void HandleProgress(ClusterState& state, const WorkerState& worker,
                      const std::string& task_id);
  // Stores a task's result, or counts its failure if it failed.
  absl::Status HandleEnded(ClusterState& state, WorkerState& worker,
                           const v1::TaskEnded& ended);
  // True if the worker keeps the lease that its hello names.
  bool Adopt(ClusterState& state, const v1::Hello& hello);

 private:
  absl::Status CountFailure(ClusterState& state, TaskState& task,
                            const std::string& worker_id,
                            const std::string& error);
  absl::Status CountLoss(ClusterState& state, TaskState& task,
                         const std::string& worker_id,
                         const std::string& reason);
  absl::Status Store(ClusterState& state, const TaskState& task,
                     const v1::TaskEnded& ended);

  Cluster& cluster_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_TASKS_H_
