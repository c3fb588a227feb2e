// The order that a worker gets for a task. Pure.
#ifndef KEEL_COORDINATOR_SERVICES_TASK_MESSAGES_H_
#define KEEL_COORDINATOR_SERVICES_TASK_MESSAGES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/services/cluster_state.h"

namespace keel {

// The probe sets that the task is to be measured on: for EVALUATE those that
// its checkpoint has no recall for; for DRIFT against "origin" those of the
// reference phase; otherwise all.
std::vector<const storage::v1::ProbeRecord*> ProbesOf(
    const StreamState& stream, const storage::v1::TaskRecord& task);

// FAILED_PRECONDITION: a checkpoint that it needs is not there.
absl::StatusOr<v1::RunTask> TaskMessage(const StreamState& stream,
                                        const storage::v1::TaskRecord& task,
                                        absl::Duration lease);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_TASK_MESSAGES_H_
