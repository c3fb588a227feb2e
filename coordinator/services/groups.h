// The groups that train phases: formed, broken, and what their members say.
//
// Functions that take a ClusterState& run under the cluster's lock. What a
// member says is taken only if its generation is the open one of the phase
// and the member is in it; anything else is late and is ignored.
#ifndef KEEL_COORDINATOR_SERVICES_GROUPS_H_
#define KEEL_COORDINATOR_SERVICES_GROUPS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/services/cluster.h"

namespace keel {

// Steps that the generations before `generation` of the phase's attempt got
// to: a group that does not pass it has made no progress.
int64_t FurthestStepBefore(const PhaseState& phase, int64_t generation);

class Groups {
 public:
  // `cluster` outlives it.
  explicit Groups(Cluster& cluster) : cluster_(cluster) {}

  // Makes the generation durable, then tells its members. ABORTED: a member
  // is not free any more.
  absl::Status Form(ClusterState& state, const FormGroup& action);
  // Closes the phase's open generation; no effect if it is another one.
  absl::Status Break(ClusterState& state, const BreakGroup& action);
  // Adds to `edit` what closes the phase's open group, if there is one, with
  // the steps that it has reported.
  static void AddClose(const PhaseState& phase, std::string_view reason,
                       Edit& edit);
  // Ends, in memory, a group whose record was closed. Its members end by
  // themselves.
  static void Close(ClusterState& state, PhaseState& phase,
                    std::string_view reason);
  // The same, and orders the members to leave.
  static void CloseAndRecall(ClusterState& state, PhaseState& phase,
                             std::string_view reason);

  void HandleStore(ClusterState& state, const WorkerState& worker,
                   const v1::StoreRequest& request);
  // OK, or why the phase has to fail (the member's message).
  absl::Status HandleEnded(ClusterState& state, WorkerState& worker,
                           const v1::GroupEnded& ended);
  // True if the worker goes on with the generation that its hello names.
  bool Adopt(ClusterState& state, const v1::Hello& hello);
  // Marks the worker's part in open groups as over, those of `except` aside.
  void EndMemberships(ClusterState& state, const std::string& worker_id,
                      int64_t except_generation);

 private:
  absl::Status CheckFree(const ClusterState& state,
                         const std::vector<std::string>& worker_ids) const;
  void CountForming(const PhaseState& phase, int64_t repeated_steps);
  void CountRecovery(const ClusterState& state, const PhaseState& phase);
  void SendJoins(ClusterState& state, const StreamState& stream,
                 const PhaseState& phase);

  Cluster& cluster_;
};

// The newest resume point of this attempt whose steps are all in the ledger;
// null: none.
const storage::v1::ResumePoint* NewestUsableResumePoint(
    const PhaseState& phase);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_GROUPS_H_
