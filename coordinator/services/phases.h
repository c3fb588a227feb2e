// Moves phases through their lifecycle: durable first, then told. Functions
// that take a ClusterState& run under the cluster's lock; each changes the
// state only if the lifecycle table allows it (FAILED_PRECONDITION) and the
// commit succeeds.
#ifndef KEEL_COORDINATOR_SERVICES_PHASES_H_
#define KEEL_COORDINATOR_SERVICES_PHASES_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/services/cluster.h"

namespace keel {

// What could not be decoded in the steps of a lineage.
struct StruckCounts {
  // How often, by reason.
  std::map<std::string, int64_t> by_reason;
  // The samples, each with its first reason.
  std::map<int64_t, std::string> samples;
};

class Phases {
 public:
  // `cluster` outlives it.
  explicit Phases(Cluster& cluster) : cluster_(cluster) {}

  // The planner's decisions.
  // Takes the cluster's lock, but reads the phase's ledger without it. A phase
  // with more struck samples than its stream allows, or with a damaged ledger,
  // FAILs instead.
  absl::Status StartEvaluation(const StartEvaluation& action);
  absl::Status Publish(ClusterState& state, const PublishPhase& action);
  // Blocks the stream until a person retries or skips the phase.
  absl::Status Fail(ClusterState& state, const FailPhase& action);

  // A person's decisions; kCancelRequested, kSkipRequested, kRejectRequested.
  absl::Status End(ClusterState& state, const std::string& stream, int number,
                   PhaseEvent event, const std::string& reason);
  absl::Status Approve(ClusterState& state, const std::string& stream,
                       int number);
  // FAILED_PRECONDITION: a later phase has trained already.
  absl::Status Retry(ClusterState& state, const std::string& stream,
                     int number);

 private:
  absl::Status PublishBy(ClusterState& state, const std::string& stream,
                         int number, PhaseEvent event,
                         const std::string& reason);
  absl::Status EndTraining(ClusterState& state, PhaseState& phase,
                           const keel::StartEvaluation& action,
                           const StruckCounts& struck);

  Cluster& cluster_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_PHASES_H_
