// Who is there: the planner's reading of its view of the workers. Pure.
#ifndef KEEL_COORDINATOR_CORE_WORKER_ROSTER_H_
#define KEEL_COORDINATOR_CORE_WORKER_ROSTER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/planner.h"

namespace keel {

// What is known of one start of a worker.
enum class Presence {
  // Attached, and heard of lately.
  kPresent,
  // Expected to attach again: this coordinator has just started.
  kAwaited,
  // Its stream broke or it fell silent; it may live on unseen.
  kSilent,
  // Another start of the same worker has taken its place: it is dead.
  kReplaced,
};

// Not thread-safe; the view outlives it.
class WorkerRoster {
 public:
  WorkerRoster(const ClusterView& view, absl::Time now,
               const PlannerOptions& options);

  // nullptr: unknown.
  const WorkerView* Find(const std::string& id) const;
  // Presence of one start that is known to have attached before `since`.
  Presence PresenceOf(const std::string& id, int64_t incarnation,
                      absl::Time since) const;
  Presence PresenceOf(const WorkerView& worker) const;
  // When it was last heard of; InfinitePast if that is unknown.
  absl::Time LastHeard(const std::string& id, int64_t incarnation) const;

  // Workers without work that could take some, in order of their ids. Those
  // taken are left out.
  std::vector<const WorkerView*> Idle() const;
  void Take(const std::string& id) { idle_.erase(id); }

 private:
  const absl::Time now_;
  const absl::Duration evict_after_;
  const absl::Time start_time_;
  const absl::Time recovery_end_;
  std::map<std::string, const WorkerView*> workers_;
  std::map<std::string, const WorkerView*> idle_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_WORKER_ROSTER_H_
