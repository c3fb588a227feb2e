// The order that a worker gets for a task. Pure.
#ifndef KEEL_COORDINATOR_SERVICES_TASK_MESSAGES_H_
#define KEEL_COORDINATOR_SERVICES_TASK_MESSAGES_H_

#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/services/cluster_state.h"

namespace keel {

// The checkpoint right after which the set's domain is learned: that of the
// phase that holds it out, or what the submitter said; there may be none.
std::optional<int> OriginOf(const storage::v1::ProbeRecord& probe);

// Origins of the probe sets that are measured: of those that were submitted
// and of those that phases hold out, all or what probe.evaluate: spaced leaves.
std::set<int> MeasuredOrigins(const StreamState& stream);

// Of the probe sets that are measured those that the task is for: for DRIFT
// against "origin" those of that origin, for EVALUATE those that its checkpoint
// has no recall for.
std::vector<const storage::v1::ProbeRecord*> ProbesOf(
    const StreamState& stream, const storage::v1::TaskRecord& task);

// The sets that drift is measured on while phase `number` trains: those that
// were submitted and, of the phases up to it, those that probe.evaluate: spaced
// would leave, so that they stay few. One whose plan is not there is left out.
std::vector<v1::ProbeSet> LiveProbes(const StreamState& stream, int number);

// Its size grows with the number of probe sets, not with that of samples.
// FAILED_PRECONDITION: a checkpoint or plan that it needs is not there.
absl::StatusOr<v1::RunTask> TaskMessage(const StreamState& stream,
                                        const storage::v1::TaskRecord& task,
                                        absl::Duration lease);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_TASK_MESSAGES_H_
