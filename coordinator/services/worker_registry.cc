#include "coordinator/services/worker_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/state_views.h"

namespace keel {
namespace {

// How long workers that are gone are still listed.
constexpr absl::Duration kKeepLost = absl::Minutes(10);

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  proto.set_seconds(absl::ToInt64Seconds(duration));
  proto.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(duration - absl::Seconds(proto.seconds()))));
  return proto;
}

absl::Status BadHello(const std::string& what) {
  return WithReason(absl::InvalidArgumentError(what), {"HELLO", {}});
}

absl::Status ClusterMismatch(const std::string& id, const std::string& theirs,
                             const std::string& ours) {
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "worker ", id, " belongs to cluster ", theirs, ", this is ", ours,
          "; a worker joins another cluster with a state folder of its own")),
      {"CLUSTER_MISMATCH", {{"cluster", ours}, {"worker", id}}});
}

absl::Status StaleIncarnation(const std::string& id, int64_t theirs,
                              int64_t newest) {
  return WithReason(
      absl::AbortedError(absl::StrCat("incarnation ", theirs, " of worker ", id,
                                      " was replaced by ", newest)),
      {"STALE_INCARNATION", {{"worker", id}}});
}

absl::Status SessionReplaced(const std::string& id) {
  return WithReason(
      absl::AbortedError(absl::StrCat("this stream of worker ", id,
                                      " was replaced or given up")),
      {"SESSION_REPLACED", {{"worker", id}}});
}

}  // namespace

absl::StatusOr<int64_t> WorkerRegistry::Attach(
    const v1::WorkerMessage& first, std::shared_ptr<MessageSink> sink) {
  Cluster& cluster = *parts_.cluster;
  auto state = cluster.Lock();
  KEEL_RETURN_IF_ERROR(CheckHello(*state, first));
  const v1::Hello& hello = first.hello();
  WorkerState& worker = state->workers[hello.worker().id()];
  if (worker.attached()) worker.sink->Cancel();
  const bool same_process =
      worker.info.incarnation() == hello.worker().incarnation();
  const WorkerState before = same_process ? std::move(worker) : WorkerState();
  worker = WorkerState();
  worker.info = hello.worker();
  worker.session = ++state->last_session;
  worker.sink = std::move(sink);
  worker.attach_time = cluster.Now();
  worker.heartbeat_time = worker.attach_time;
  worker.start_time = same_process ? before.start_time : worker.attach_time;
  worker.draining = before.draining;
  worker.unable_count = before.unable_count;
  worker.rest_end = before.rest_end;
  Welcome(*state, worker, hello);
  LogInfo("worker attached",
          {{"worker", worker.info.id()},
           {"incarnation", absl::StrCat(worker.info.incarnation())},
           {"device", worker.info.device()},
           {"generation", absl::StrCat(worker.generation)}});
  cluster.Notify();
  return worker.session;
}

absl::Status WorkerRegistry::CheckHello(const ClusterState& state,
                                        const v1::WorkerMessage& first) const {
  if (!first.has_hello()) {
    return BadHello("the first message has to be a hello");
  }
  const v1::Worker& worker = first.hello().worker();
  KEEL_RETURN_IF_ERROR(ValidateName("worker id", worker.id()));
  if (worker.incarnation() <= 0 ||
      worker.incarnation() != first.incarnation()) {
    return BadHello(absl::StrCat("the incarnation of worker ", worker.id(),
                                 " has to be positive, and the same in hello "
                                 "and message"));
  }
  const std::string& ours = parts_.cluster->cluster_id();
  if (!first.cluster_id().empty() && first.cluster_id() != ours) {
    return ClusterMismatch(worker.id(), first.cluster_id(), ours);
  }
  if (state.shutting_down) {
    return absl::UnavailableError("the coordinator is shutting down");
  }
  auto known = state.workers.find(worker.id());
  if (known != state.workers.end() &&
      known->second.info.incarnation() > worker.incarnation()) {
    return StaleIncarnation(worker.id(), worker.incarnation(),
                            known->second.info.incarnation());
  }
  return absl::OkStatus();
}

void WorkerRegistry::Welcome(ClusterState& state, WorkerState& worker,
                             const v1::Hello& hello) {
  const bool adopted = parts_.groups->Adopt(state, hello);
  parts_.groups->EndMemberships(state, worker.info.id(),
                                adopted ? hello.generation() : 0);
  if (adopted) {
    worker.generation = hello.generation();
    worker.stream = hello.stream();
    worker.phase = hello.phase();
  }
  worker.leaving_generation = adopted ? 0 : hello.generation();
  const bool keeps_task = parts_.tasks->Adopt(state, hello);
  if (keeps_task) worker.task_id = hello.task_id();
  const Environment& env = parts_.cluster->env();
  v1::CoordinatorMessage message;
  v1::Welcome& welcome = *message.mutable_welcome();
  *welcome.mutable_heartbeat_every() = ToProto(env.heartbeat_every);
  *welcome.mutable_evict_after() = ToProto(env.planner.evict_after);
  welcome.set_adopted(adopted);
  worker.sink->Send(message);
  if (hello.generation() != 0 && !adopted) {
    v1::LeaveGroup& leave = *message.mutable_leave_group();
    leave.set_generation(hello.generation());
    leave.set_reason("the generation is closed");
    worker.sink->Send(message);
  }
  if (!hello.task_id().empty() && !keeps_task) {
    message.mutable_cancel_task()->set_task_id(hello.task_id());
    worker.sink->Send(message);
  }
  if (worker.draining) {
    // The first order may have been lost with the stream before.
    message.mutable_drain()->set_reason("requested");
    worker.sink->Send(message);
  }
}

absl::Status WorkerRegistry::Handle(const std::string& worker_id,
                                    int64_t session,
                                    const v1::WorkerMessage& message) {
  Cluster& cluster = *parts_.cluster;
  if (message.cluster_id() != cluster.cluster_id()) {
    return ClusterMismatch(worker_id, message.cluster_id(),
                           cluster.cluster_id());
  }
  auto state = cluster.Lock();
  auto it = state->workers.find(worker_id);
  if (it == state->workers.end()) return SessionReplaced(worker_id);
  if (it->second.info.incarnation() != message.incarnation()) {
    return StaleIncarnation(worker_id, message.incarnation(),
                            it->second.info.incarnation());
  }
  if (it->second.session != session) return SessionReplaced(worker_id);
  it->second.heartbeat_time = cluster.Now();
  Dispatch(*state, it->second, message);
  return absl::OkStatus();
}

void WorkerRegistry::Dispatch(ClusterState& state, WorkerState& worker,
                              const v1::WorkerMessage& message) {
  switch (message.kind_case()) {
    case v1::WorkerMessage::kStoreRequest:
      return parts_.groups->HandleStore(state, worker, message.store_request());
    case v1::WorkerMessage::kStepReports:
      return HandleSteps(state, worker, message.step_reports());
    case v1::WorkerMessage::kGroupEnded:
      return HandleGroupEnded(state, worker, message.group_ended());
    case v1::WorkerMessage::kTaskEnded:
      if (absl::Status status =
              parts_.tasks->HandleEnded(state, worker, message.task_ended());
          !status.ok()) {
        LogWarning("a task's result was not stored",
                   {{"error", status.ToString()}});
      }
      return parts_.cluster->Notify();
    case v1::WorkerMessage::kLeaving:
      LogInfo("worker leaves", {{"worker", worker.info.id()},
                                {"reason", message.leaving().reason()}});
      worker.draining = true;
      return parts_.cluster->Notify();
    case v1::WorkerMessage::kHeartbeat:
      HandleLeft(worker,
                 message.heartbeat().generation() != worker.leaving_generation);
      return parts_.tasks->HandleProgress(state, worker,
                                          message.heartbeat().task_id());
    default:
      return;
  }
}

void WorkerRegistry::HandleSteps(ClusterState& state, const WorkerState& worker,
                                 const v1::StepReports& reports) {
  const absl::Status status = parts_.steps->Handle(state, worker, reports);
  if (status.ok()) return;
  if (!absl::IsOutOfRange(status)) {
    // Late reports are of no use; those that were not stored come again.
    LogDebug("steps were not taken", {{"error", status.ToString()}});
    return;
  }
  const BreakGroup action{worker.stream, worker.phase, reports.generation(),
                          std::string(status.message())};
  if (absl::Status broken = parts_.groups->Break(state, action); !broken.ok()) {
    LogError("a group was not broken", {{"error", broken.ToString()}});
  }
}

void WorkerRegistry::HandleLeft(WorkerState& worker, bool left) {
  if (!left || worker.leaving_generation == 0) return;
  worker.leaving_generation = 0;
  parts_.cluster->Notify();
}

void WorkerRegistry::HandleGroupEnded(ClusterState& state, WorkerState& worker,
                                      const v1::GroupEnded& ended) {
  HandleLeft(worker, ended.generation() == worker.leaving_generation);
  const std::string stream = worker.stream;
  const int phase = worker.phase;
  const absl::Status failure = parts_.groups->HandleEnded(state, worker, ended);
  if (!failure.ok()) {
    const FailPhase action{stream, phase, std::string(failure.message())};
    if (absl::Status status = parts_.phases->Fail(state, action);
        !status.ok()) {
      LogError("a phase was not failed", {{"error", status.ToString()}});
    }
  }
  parts_.cluster->Notify();
}

void WorkerRegistry::Detach(const std::string& worker_id, int64_t session) {
  auto state = parts_.cluster->Lock();
  auto it = state->workers.find(worker_id);
  if (it == state->workers.end() || it->second.session != session) return;
  it->second.sink = nullptr;
  LogInfo("worker detached", {{"worker", worker_id}});
  parts_.cluster->Notify();
}

std::vector<v1::Worker> WorkerRegistry::List() {
  auto state = parts_.cluster->Lock();
  std::vector<v1::Worker> workers;
  for (const auto& [id, worker] : state->workers) {
    workers.push_back(ShowWorker(worker));
  }
  return workers;
}

absl::StatusOr<v1::Worker> WorkerRegistry::Drain(const std::string& worker_id) {
  auto state = parts_.cluster->Lock();
  auto it = state->workers.find(worker_id);
  if (it == state->workers.end() || !it->second.attached()) {
    return WithReason(absl::NotFoundError(absl::StrCat(
                          "no worker \"", worker_id, "\" is attached")),
                      {"WORKER_NOT_FOUND", {{"worker", worker_id}}});
  }
  it->second.draining = true;
  v1::CoordinatorMessage message;
  message.mutable_drain()->set_reason("requested");
  state->Send(worker_id, std::move(message));
  parts_.cluster->Notify();
  return ShowWorker(it->second);
}

void WorkerRegistry::Evict(ClusterState& state, const EvictWorker& action) {
  auto it = state.workers.find(action.worker_id);
  if (it == state.workers.end() ||
      it->second.info.incarnation() != action.incarnation) {
    return;
  }
  if (it->second.attached()) it->second.sink->Cancel();
  it->second.sink = nullptr;
  it->second.session = 0;
  it->second.lost = true;
  it->second.generation = 0;
  it->second.task_id.clear();
}

void WorkerRegistry::ForgetLost(ClusterState& state) {
  const absl::Time before = parts_.cluster->Now() - kKeepLost;
  std::erase_if(state.workers, [&](const auto& entry) {
    return entry.second.lost && entry.second.heartbeat_time < before;
  });
}

void WorkerRegistry::CancelAll() {
  auto state = parts_.cluster->Lock();
  state->shutting_down = true;
  for (auto& [id, worker] : state->workers) {
    if (worker.attached()) worker.sink->Cancel();
  }
  parts_.cluster->Notify();
}

}  // namespace keel
