#include "coordinator/core/worker_roster.h"

#include <algorithm>

namespace keel {

WorkerRoster::WorkerRoster(const ClusterView& view, absl::Time now,
                           const PlannerOptions& options)
    : now_(now),
      evict_after_(options.evict_after),
      start_time_(view.start_time),
      recovery_end_(view.start_time + options.recovery_window) {
  for (const WorkerView& worker : view.workers) {
    workers_[worker.id] = &worker;
    if (PresenceOf(worker) == Presence::kPresent && !worker.draining &&
        worker.generation == 0 && worker.task_id.empty() && !worker.leaving &&
        now >= worker.rest_end) {
      idle_[worker.id] = &worker;
    }
  }
}

const WorkerView* WorkerRoster::Find(const std::string& id) const {
  const auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : found->second;
}

Presence WorkerRoster::PresenceOf(const std::string& id, int64_t incarnation,
                                  absl::Time since) const {
  const WorkerView* worker = Find(id);
  if (worker != nullptr && worker->incarnation == incarnation) {
    return PresenceOf(*worker);
  }
  if (worker != nullptr && worker->incarnation > incarnation) {
    return Presence::kReplaced;
  }
  const bool awaited = since < start_time_ && now_ < recovery_end_;
  return awaited ? Presence::kAwaited : Presence::kSilent;
}

Presence WorkerRoster::PresenceOf(const WorkerView& worker) const {
  if (!worker.attached) {
    const bool awaited =
        worker.attach_time < start_time_ && now_ < recovery_end_;
    return awaited ? Presence::kAwaited : Presence::kSilent;
  }
  const absl::Time heard = std::max(worker.attach_time, worker.heartbeat_time);
  return now_ - heard > evict_after_ ? Presence::kSilent : Presence::kPresent;
}

absl::Time WorkerRoster::LastHeard(const std::string& id,
                                   int64_t incarnation) const {
  const WorkerView* worker = Find(id);
  if (worker == nullptr || worker->incarnation != incarnation) {
    return absl::InfinitePast();
  }
  return std::max(worker->attach_time, worker->heartbeat_time);
}

std::vector<const WorkerView*> WorkerRoster::Idle() const {
  std::vector<const WorkerView*> workers;
  for (const auto& [id, worker] : idle_) workers.push_back(worker);
  return workers;
}

}  // namespace keel
