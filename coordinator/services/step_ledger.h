// Takes committed steps from rank 0 of a group and makes them durable, some
// at a time: at most one transaction in kFlushEvery or kFlushSteps steps.
// Only durable steps are acknowledged; a worker sends the others again.
#ifndef KEEL_COORDINATOR_SERVICES_STEP_LEDGER_H_
#define KEEL_COORDINATOR_SERVICES_STEP_LEDGER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/services/cluster.h"

namespace keel {

class StepLedger {
 public:
  static constexpr absl::Duration kFlushEvery = absl::Milliseconds(200);
  static constexpr size_t kFlushSteps = 64;
  // A commit that fails again and again, as on a full disk, is warned of so
  // often.
  static constexpr absl::Duration kWarnEvery = absl::Seconds(10);

  // `cluster` outlives it.
  explicit StepLedger(Cluster& cluster) : cluster_(cluster) {}

  // Takes reports; those that are known already are ignored. ABORTED: late or
  // from the wrong member; nothing was changed. OUT_OF_RANGE: a gap, or past
  // the plan's last step: the group cannot be trusted.
  absl::Status Handle(ClusterState& state, const WorkerState& worker,
                      const v1::StepReports& reports);
  // Makes all pending steps that are due durable and acknowledges them.
  void FlushDue(ClusterState& state);
  // Adds the phase's pending steps to `edit` and to `generation`'s count.
  static void AddPending(const PhaseState& phase,
                         storage::v1::GenerationRecord& generation, Edit& edit);

 private:
  absl::Status Take(PhaseState& phase, const v1::StepReport& report);
  absl::Status Flush(ClusterState& state, PhaseState& phase);
  bool IsDue(const PhaseState& phase) const;
  void Warn(const PhaseState& phase, const absl::Status& status);
  void Acknowledge(ClusterState& state, const PhaseState& phase);

  Cluster& cluster_;
  // Used under the cluster's lock.
  absl::Time warn_time_ = absl::InfinitePast();
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_STEP_LEDGER_H_
