#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/core/planner_parts.h"

namespace keel {
namespace {

bool BelongsTo(const TaskView& task, const StreamView& stream,
               const PhaseView& phase) {
  return task.stream == stream.name && task.phase == phase.number;
}

// Why the task is given up; empty: it is not.
std::string ReasonToGiveUp(const PlannerOptions& options,
                           const TaskView& task) {
  if (task.failure_count >= options.max_task_failures) {
    return absl::StrCat("task ", task.task_id, " failed ", task.failure_count,
                        " times, at last: ", task.last_error);
  }
  if (task.loss_count >= options.max_task_losses) {
    return absl::StrCat("task ", task.task_id, " lost its worker ",
                        task.loss_count, " times, at last: ", task.last_error);
  }
  return "";
}

// Decides what the phase's tasks say of it; nothing if some are still open.
void FinishEvaluation(Planning& planning, const StreamView& stream,
                      const PhaseView& phase) {
  int count = 0;
  bool open = false;
  for (const TaskView& task : planning.view.tasks) {
    if (!BelongsTo(task, stream, phase)) continue;
    ++count;
    if (task.done) continue;
    open = true;
    std::string reason = ReasonToGiveUp(planning.options, task);
    if (!reason.empty()) {
      planning.actions.push_back(
          FailPhase{stream.name, phase.number, std::move(reason)});
      return;
    }
  }
  if (open) return;
  planning.actions.push_back(PublishPhase{
      stream.name, phase.number,
      count == 0 ? "there is nothing to measure"
                 : absl::StrCat("all ", count, " tasks are done")});
}

// Why the lease is to be taken back; empty: it is not.
std::string ReasonToRelease(const Planning& planning, const TaskView& task) {
  if (planning.now >= task.lease_end) return "its lease is over";
  switch (planning.roster.PresenceOf(task.worker_id, task.worker_incarnation,
                                     absl::InfinitePast())) {
    case Presence::kPresent:
    case Presence::kAwaited:
      return "";
    case Presence::kSilent:
      return absl::StrCat("worker ", task.worker_id, " is lost");
    case Presence::kReplaced:
      return absl::StrCat("worker ", task.worker_id, " has restarted");
  }
  return "";
}

// Tasks that an attached worker says it works on, with or without a lease.
std::set<std::string> TasksInHand(const Planning& planning) {
  std::set<std::string> tasks;
  for (const WorkerView& worker : planning.view.workers) {
    if (!worker.task_id.empty() &&
        planning.roster.PresenceOf(worker) == Presence::kPresent) {
      tasks.insert(worker.task_id);
    }
  }
  return tasks;
}

// Another worker may have what the task lacked where it failed.
const WorkerView* WorkerFor(const TaskView& task,
                            const std::vector<const WorkerView*>& idle) {
  for (const WorkerView* worker : idle) {
    if (!task.failed_workers.contains(worker->id)) return worker;
  }
  return idle.empty() ? nullptr : idle.front();
}

}  // namespace

void ReleaseTasks(Planning& planning) {
  for (const TaskView& task : planning.view.tasks) {
    if (task.done || task.worker_id.empty()) continue;
    if (std::string reason = ReasonToRelease(planning, task); !reason.empty()) {
      planning.actions.push_back(ReleaseTask{task.task_id, std::move(reason)});
    }
  }
}

void FinishEvaluations(Planning& planning) {
  for (const StreamView* stream : ByPriority(planning.view)) {
    for (const PhaseView& phase : stream->phases) {
      if (phase.state == v1::Phase::EVALUATING) {
        FinishEvaluation(planning, *stream, phase);
      }
    }
  }
}

void AssignTasks(Planning& planning) {
  const std::set<std::string> in_hand = TasksInHand(planning);
  for (const StreamView* stream : ByPriority(planning.view)) {
    for (const TaskView& task : planning.view.tasks) {
      if (task.stream != stream->name || task.done || !task.worker_id.empty() ||
          in_hand.contains(task.task_id) || planning.now < task.retry_time ||
          !ReasonToGiveUp(planning.options, task).empty()) {
        continue;
      }
      const WorkerView* worker = WorkerFor(task, planning.roster.Idle());
      if (worker == nullptr) return;
      planning.roster.Take(worker->id);
      planning.actions.push_back(
          AssignTask{task.task_id, worker->id, "it is idle"});
    }
  }
}

}  // namespace keel
