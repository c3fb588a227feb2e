#include "coordinator/services/tasks.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/core/retry_pause.h"
#include "coordinator/services/state_views.h"
#include "coordinator/services/task_messages.h"

namespace keel {
namespace {

using storage::v1::TaskRecord;

// Numbers the tasks of one edit.
class TaskMaker {
 public:
  TaskMaker(const ClusterState& state, const v1::Phase& phase, Edit& edit)
      : cluster_(state.cluster), phase_(phase), edit_(edit) {}

  void Add(TaskRecord::Kind kind, int checkpoint, int reference_phase,
           const std::string& reference) {
    cluster_.set_last_task(cluster_.last_task() + 1);
    TaskRecord task;
    task.set_task_id(absl::StrCat("t", cluster_.last_task()));
    task.set_stream(phase_.stream());
    task.set_phase(phase_.number());
    task.set_attempt(phase_.attempt());
    task.set_kind(kind);
    task.set_checkpoint(checkpoint);
    task.set_reference_phase(reference_phase);
    task.set_reference(reference);
    edit_.PutTask(std::move(task));
    edit_.PutCluster(cluster_);
  }

 private:
  storage::v1::ClusterRecord cluster_;
  const v1::Phase& phase_;
  Edit& edit_;
};

// Checkpoints after which domains of measured probe sets were learned. Random
// weights know none.
std::set<int> Origins(const StreamState& stream, const v1::Phase& phase) {
  std::set<int> origins = MeasuredOrigins(stream);
  if (stream.record.stream().initial_checkpoint().empty()) origins.erase(0);
  std::erase_if(origins, [&](int origin) {
    return origin == phase.parent() || origin == phase.number() ||
           !stream.checkpoints.contains(origin);
  });
  return origins;
}

// Checkpoints that every probe set is measured on, to compare with: the
// initial one, and the first that was trained if that was random.
std::set<int> Baselines(const StreamState& stream) {
  std::set<int> baselines;
  if (stream.checkpoints.contains(0)) baselines.insert(0);
  const auto first = stream.checkpoints.upper_bound(0);
  if (stream.record.stream().initial_checkpoint().empty() &&
      first != stream.checkpoints.end()) {
    baselines.insert(first->first);
  }
  return baselines;
}

bool LacksRecall(const StreamState& stream, int checkpoint) {
  TaskRecord task;
  task.set_kind(TaskRecord::EVALUATE);
  task.set_checkpoint(checkpoint);
  return !ProbesOf(stream, task).empty();
}

void AddResults(const StreamState& stream, const TaskRecord& task,
                const v1::TaskEnded& ended, Edit& edit) {
  for (v1::Recall recall : ended.evaluation().recalls()) {
    recall.set_phase(task.checkpoint());
    if (stream.probes.contains(recall.probe())) {
      edit.PutRecall(task.stream(), std::move(recall));
    }
  }
  for (v1::Drift drift : ended.drift().drifts()) {
    drift.set_phase(task.checkpoint());
    drift.set_reference_phase(task.reference_phase());
    drift.set_reference(task.reference());
    if (stream.probes.contains(drift.probe())) {
      edit.PutDrift(task.stream(), drift);
    }
  }
}

bool MatchesKind(const TaskRecord& task, const v1::TaskEnded& ended) {
  return task.kind() == TaskRecord::EVALUATE ? ended.has_evaluation()
                                             : ended.has_drift();
}

}  // namespace

void Tasks::AddFor(const ClusterState& state, const StreamState& stream,
                   const PhaseState& phase, Edit& edit) {
  if (stream.probes.empty()) return;
  const v1::Phase& shown = phase.record.phase();
  TaskMaker maker(state, shown, edit);
  maker.Add(TaskRecord::EVALUATE, shown.number(), 0, "");
  for (int checkpoint : Baselines(stream)) {
    if (LacksRecall(stream, checkpoint)) {
      maker.Add(TaskRecord::EVALUATE, checkpoint, 0, "");
    }
  }
  if (shown.parent() >= 0 && FilesOf(stream, shown.parent()) != nullptr) {
    maker.Add(TaskRecord::DRIFT, shown.number(), shown.parent(), "parent");
  }
  for (int origin : Origins(stream, shown)) {
    maker.Add(TaskRecord::DRIFT, shown.number(), origin, "origin");
  }
}

void Tasks::AddRemoval(const ClusterState& state, const v1::Phase& phase,
                       Edit& edit) {
  for (const auto& [id, task] : state.tasks) {
    if (task.record.stream() == phase.stream() &&
        task.record.phase() == phase.number()) {
      edit.EraseTask(id);
    }
  }
}

std::vector<std::pair<std::string, std::string>> Tasks::HoldersOf(
    const ClusterState& state, const v1::Phase& phase) {
  std::vector<std::pair<std::string, std::string>> holders;
  for (const auto& [id, worker] : state.workers) {
    auto task = state.tasks.find(worker.task_id);
    if (task != state.tasks.end() &&
        task->second.record.stream() == phase.stream() &&
        task->second.record.phase() == phase.number()) {
      holders.emplace_back(id, worker.task_id);
    }
  }
  return holders;
}

void Tasks::Cancel(ClusterState& state, const std::string& worker_id,
                   const std::string& task_id) {
  v1::CoordinatorMessage message;
  message.mutable_cancel_task()->set_task_id(task_id);
  state.Send(worker_id, std::move(message));
}

absl::Status Tasks::Assign(ClusterState& state, const AssignTask& action) {
  auto task = state.tasks.find(action.task_id);
  auto worker = state.workers.find(action.worker_id);
  if (task == state.tasks.end() || worker == state.workers.end() ||
      !worker->second.attached() || worker->second.busy()) {
    return absl::AbortedError("the worker or the task is gone");
  }
  const TaskRecord& record = task->second.record;
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state.FindStream(record.stream()));
  const absl::Duration lease = cluster_.env().planner.task_lease;
  v1::CoordinatorMessage message;
  KEEL_ASSIGN_OR_RETURN(*message.mutable_run_task(),
                        TaskMessage(*stream, record, lease));
  message.set_cluster_id(cluster_.cluster_id());
  const auto bytes = static_cast<int64_t>(message.ByteSizeLong());
  if (const int64_t most = cluster_.env().max_message_bytes; bytes > most) {
    return CountFailure(state, task->second, action.worker_id,
                        absl::StrCat("its order has ", bytes,
                                     " bytes; at most ", most, " are sent"));
  }
  task->second.worker_id = action.worker_id;
  task->second.worker_incarnation = worker->second.info.incarnation();
  task->second.lease_end = cluster_.Now() + lease;
  worker->second.task_id = action.task_id;
  worker->second.stream = record.stream();
  worker->second.phase = record.phase();
  state.Send(action.worker_id, std::move(message));
  return absl::OkStatus();
}

absl::Status Tasks::Release(ClusterState& state, const ReleaseTask& action) {
  auto task = state.tasks.find(action.task_id);
  if (task == state.tasks.end()) return absl::OkStatus();
  const std::string holder = std::exchange(task->second.worker_id, "");
  Cancel(state, holder, action.task_id);
  // A holder that stands still is a fault of the task. One that is lost may
  // be: what kills its worker is given out a few times, not for ever.
  if (cluster_.Now() >= task->second.lease_end) {
    return CountFailure(state, task->second, holder, action.reason);
  }
  return CountLoss(state, task->second, holder, action.reason);
}

absl::Status Tasks::CountLoss(ClusterState& state, TaskState& task,
                              const std::string& worker_id,
                              const std::string& reason) {
  TaskRecord record = task.record;
  record.set_loss_count(record.loss_count() + 1);
  record.set_last_error(reason);
  task.failed_workers.insert(worker_id);
  Edit edit = cluster_.NewEdit(durable::kFailTask);
  edit.PutTask(std::move(record));
  return cluster_.Commit(state, edit);
}

absl::Status Tasks::CountFailure(ClusterState& state, TaskState& task,
                                 const std::string& worker_id,
                                 const std::string& error) {
  TaskRecord record = task.record;
  record.set_failure_count(record.failure_count() + 1);
  record.set_last_error(error);
  LogWarning(
      "a task failed",
      {{"task", record.task_id()}, {"worker", worker_id}, {"error", error}});
  task.failed_workers.insert(worker_id);
  task.retry_time = cluster_.Now() + RetryPause(record.failure_count());
  Edit edit = cluster_.NewEdit(durable::kFailTask);
  edit.PutTask(std::move(record));
  return cluster_.Commit(state, edit);
}

void Tasks::HandleProgress(ClusterState& state, const WorkerState& worker,
                           const std::string& task_id) {
  auto task = state.tasks.find(task_id);
  if (task == state.tasks.end() || worker.task_id != task_id ||
      task->second.worker_id != worker.info.id()) {
    return;
  }
  task->second.lease_end = cluster_.Now() + cluster_.env().planner.task_lease;
}

absl::Status Tasks::HandleEnded(ClusterState& state, WorkerState& worker,
                                const v1::TaskEnded& ended) {
  if (ended.task_id().empty() || worker.task_id != ended.task_id()) {
    LogDebug("late end of a task ignored", {{"task", ended.task_id()}});
    return absl::OkStatus();
  }
  worker.task_id.clear();
  worker.stream.clear();
  worker.phase = 0;
  auto task = state.tasks.find(ended.task_id());
  if (task == state.tasks.end() || task->second.record.done()) {
    return absl::OkStatus();
  }
  // If the result cannot be stored, the task is given out again.
  const std::string& id = worker.info.id();
  const bool held = task->second.worker_id == id;
  if (held) task->second.worker_id.clear();
  if (ended.ok() && MatchesKind(task->second.record, ended)) {
    return Store(state, task->second, ended);
  }
  // Whose lease was taken back has had its failure counted.
  if (ended.returned() || !held) return absl::OkStatus();
  return CountFailure(state, task->second, id,
                      ended.ok() ? "it brought no result" : ended.message());
}

absl::Status Tasks::Store(ClusterState& state, const TaskState& task,
                          const v1::TaskEnded& ended) {
  TaskRecord record = task.record;
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state.FindStream(record.stream()));
  Edit edit = cluster_.NewEdit(durable::kEndTask);
  record.set_done(true);
  AddResults(*stream, record, ended, edit);
  edit.PutTask(record);
  return cluster_.Commit(state, edit);
}

bool Tasks::Adopt(ClusterState& state, const v1::Hello& hello) {
  // An order that was lost with the worker's stream is given out again. If the
  // worker itself was lost, the planner takes its task back.
  for (auto& [id, task] : state.tasks) {
    if (task.worker_id == hello.worker().id() &&
        task.worker_incarnation == hello.worker().incarnation() &&
        id != hello.task_id()) {
      task.worker_id.clear();
    }
  }
  auto it = state.tasks.find(hello.task_id());
  if (it == state.tasks.end() || it->second.record.done()) return false;
  TaskState& task = it->second;
  if (!task.worker_id.empty() && task.worker_id != hello.worker().id()) {
    return false;
  }
  task.worker_id = hello.worker().id();
  task.worker_incarnation = hello.worker().incarnation();
  task.lease_end = cluster_.Now() + cluster_.env().planner.task_lease;
  return true;
}

}  // namespace keel
