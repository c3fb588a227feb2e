// What users ask of phases. Thread-safe; takes the cluster's lock.
#ifndef KEEL_COORDINATOR_SERVICES_PHASE_REQUESTS_H_
#define KEEL_COORDINATOR_SERVICES_PHASE_REQUESTS_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/services/cluster.h"
#include "coordinator/services/phases.h"

namespace keel {

class PhaseRequests {
 public:
  // True once the caller does not want the answer any more.
  using Cancelled = std::function<bool()>;

  // Both outlive it.
  PhaseRequests(Cluster& cluster, Phases& phases)
      : cluster_(cluster), phases_(phases) {}

  absl::StatusOr<v1::Phase> Get(const std::string& stream, int number);
  // Waits until the phase has a revision above `after_revision` and returns
  // it; nullopt: it is final, and there is none. `number` 0 is the newest
  // phase, or the one that a chunk is about to become. The stream's next one,
  // or its first, is waited for. NOT_FOUND: a
  // later one. CANCELLED, or UNAVAILABLE at shutdown.
  absl::StatusOr<std::optional<v1::Phase>> Await(const std::string& stream,
                                                 int number,
                                                 int64_t after_revision,
                                                 const Cancelled& cancelled);
  // Asks for a phase of all that waits, and waits until it is made.
  // FAILED_PRECONDITION: nothing waits.
  absl::StatusOr<v1::Phase> Close(const v1::ClosePhaseRequest& request,
                                  const Cancelled& cancelled);
  // Starts the next attempt, unless one later than `request.attempt` was
  // started already.
  absl::StatusOr<v1::Phase> Retry(const v1::RetryPhaseRequest& request);
  // kCancelRequested, kSkipRequested, kApproveRequested or kRejectRequested.
  absl::StatusOr<v1::Phase> Apply(const std::string& stream, int number,
                                  PhaseEvent event);

 private:
  absl::Status Execute(ClusterState& state, const std::string& stream,
                       int number, PhaseEvent event);

  Cluster& cluster_;
  Phases& phases_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_PHASE_REQUESTS_H_
