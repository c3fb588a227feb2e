#include "coordinator/services/groups.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/stream_config.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/core/retry_pause.h"
#include "coordinator/services/state_views.h"
#include "coordinator/services/step_ledger.h"
#include "coordinator/services/task_messages.h"

namespace keel {
namespace {

storage::v1::GenerationRecord NewGeneration(const ClusterState& state,
                                            const PhaseState& phase,
                                            const FormGroup& action) {
  storage::v1::GenerationRecord record;
  record.set_generation(state.cluster.last_generation() + 1);
  record.set_stream(action.stream);
  record.set_phase(action.phase);
  record.set_attempt(phase.record.phase().attempt());
  if (const auto* point = NewestUsableResumePoint(phase)) {
    record.set_start_step(point->step_count());
    record.set_parent_generation(point->generation());
  }
  record.set_committed_step_count(record.start_step());
  for (const std::string& id : action.worker_ids) {
    auto* member = record.add_members();
    member->set_rank(record.members_size() - 1);
    member->set_worker_id(id);
    member->set_incarnation(state.workers.at(id).info.incarnation());
  }
  return record;
}

storage::v1::PhaseRecord TrainingPhase(
    const StreamState& stream, const PhaseState& phase,
    const storage::v1::GenerationRecord& generation, const Edit& edit,
    const std::string& reason) {
  storage::v1::PhaseRecord record = phase.record;
  v1::Phase& shown = *record.mutable_phase();
  if (!shown.has_start_time()) {
    const v1::Stream& from = stream.record.stream();
    shown.set_parent(ParentAfter(from.config(), from.published_phase()));
    *shown.mutable_start_time() = ToTimestamp(edit.now());
  }
  shown.set_state(v1::Phase::TRAINING);
  shown.set_reason(reason);
  shown.set_generation(generation.generation());
  shown.set_worker_count(generation.members_size());
  shown.set_committed_step_count(generation.start_step());
  record.clear_result_files();
  return record;
}

GroupState NewGroup(const storage::v1::GenerationRecord& record,
                    absl::Time now) {
  GroupState group;
  group.generation = record.generation();
  group.form_time = now;
  group.progress_time = now;
  group.rendezvous = std::make_unique<Rendezvous>(record.generation());
  for (const auto& member : record.members()) {
    group.members[member.worker_id()] = {member.incarnation(), member.rank()};
  }
  return group;
}

void SendReplies(ClusterState& state, std::vector<Rendezvous::Reply> replies) {
  for (Rendezvous::Reply& reply : replies) {
    v1::CoordinatorMessage message;
    *message.mutable_store_reply() = std::move(reply.reply);
    state.Send(reply.worker_id, std::move(message));
  }
}

v1::JoinGroup JoinMessage(const StreamState& stream, const PhaseState& phase) {
  const v1::Phase& shown = phase.record.phase();
  v1::JoinGroup join;
  join.set_generation(phase.group.generation);
  join.set_world_size(static_cast<int>(phase.group.members.size()));
  join.set_stream(shown.stream());
  join.set_phase(shown.number());
  join.set_attempt(shown.attempt());
  *join.mutable_config() = stream.record.stream().config();
  for (auto& deviation : ProfileDeviations(join.config())) {
    *join.add_deviations() = std::move(deviation);
  }
  join.mutable_plan()->set_digest(phase.record.plan_digest());
  join.mutable_plan()->set_size_bytes(phase.record.plan_size_bytes());
  join.set_parent(shown.parent());
  if (const auto* files = FilesOf(stream, shown.parent())) {
    *join.mutable_parent_files() = *files;
  }
  if (const auto* point = NewestUsableResumePoint(phase)) {
    *join.mutable_resume_files() = point->files();
    join.set_start_step(point->step_count());
  }
  return join;
}

void AddLiveProbes(const StreamState& stream, const PhaseState& phase,
                   v1::CoordinatorMessage& message) {
  const v1::Phase& shown = phase.record.phase();
  if (stream.record.stream().config().drift().live_every_steps() == 0 ||
      shown.parent() < 0) {
    return;
  }
  for (v1::ProbeSet& set : LiveProbes(stream, shown.number())) {
    *message.mutable_join_group()->add_live_probes() = std::move(set);
  }
}

// True if a member was told to leave: that its group broke does not say that
// the phase cannot be trained.
bool LeftByOrder(const ClusterState& state, const GroupState& group) {
  return std::any_of(
      group.members.begin(), group.members.end(), [&](const auto& entry) {
        const auto it = state.workers.find(entry.first);
        const bool draining =
            it != state.workers.end() && it->second.draining &&
            it->second.info.incarnation() == entry.second.incarnation;
        return entry.second.stopped || draining;
      });
}

}  // namespace

const storage::v1::ResumePoint* NewestUsableResumePoint(
    const PhaseState& phase) {
  const auto& points = phase.record.resume_points();
  for (auto it = points.rbegin(); it != points.rend(); ++it) {
    const auto generation = phase.generations.find(it->generation());
    if (generation != phase.generations.end() &&
        generation->second.committed_step_count() >= it->step_count()) {
      return &*it;
    }
  }
  return nullptr;
}

absl::Status Groups::Form(ClusterState& state, const FormGroup& action) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state.FindStream(action.stream));
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                        state.FindPhase(action.stream, action.phase));
  KEEL_RETURN_IF_ERROR(
      NextPhaseState(phase->record.phase().state(), PhaseEvent::kGroupFormed)
          .status());
  KEEL_RETURN_IF_ERROR(CheckFree(state, action.worker_ids));
  const auto generation = NewGeneration(state, *phase, action);
  Edit edit = cluster_.NewEdit(durable::kFormGroup);
  storage::v1::ClusterRecord cluster = state.cluster;
  cluster.set_last_generation(generation.generation());
  edit.PutCluster(cluster);
  edit.PutGeneration(generation);
  edit.PutPhase(
      TrainingPhase(*stream, *phase, generation, edit, action.reason));
  const int64_t repeated =
      phase->record.phase().committed_step_count() - generation.start_step();
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));

  phase->group = NewGroup(generation, edit.now());
  phase->progress.set_step(generation.start_step());
  SendJoins(state, *stream, *phase);
  CountForming(*phase, repeated);
  return absl::OkStatus();
}

void Groups::CountForming(const PhaseState& phase, int64_t repeated_steps) {
  Metrics& metrics = *cluster_.env().metrics;
  metrics.Set("keel_group_generation",
              static_cast<double>(phase.group.generation));
  if (repeated_steps > 0) {
    metrics.Increment("keel_steps_retried_total", {{"reason", "resume_point"}},
                      static_cast<double>(repeated_steps));
  }
  if (phase.break_time != absl::InfinitePast()) {
    metrics.Observe(
        "keel_recovery_duration_seconds",
        absl::ToDoubleSeconds(phase.group.form_time - phase.break_time),
        {{"stage", "form"}});
  }
}

absl::Status Groups::CheckFree(
    const ClusterState& state,
    const std::vector<std::string>& worker_ids) const {
  for (const std::string& id : worker_ids) {
    auto it = state.workers.find(id);
    if (it == state.workers.end() || !it->second.attached() ||
        it->second.busy()) {
      return absl::AbortedError(
          absl::StrCat("worker ", id, " is not free any more"));
    }
  }
  return absl::OkStatus();
}

void Groups::SendJoins(ClusterState& state, const StreamState& stream,
                       const PhaseState& phase) {
  const v1::JoinGroup join = JoinMessage(stream, phase);
  for (const auto& [id, member] : phase.group.members) {
    WorkerState& worker = state.workers.at(id);
    worker.generation = phase.group.generation;
    worker.stream = join.stream();
    worker.phase = join.phase();
    worker.info.set_rank(member.rank);
    v1::CoordinatorMessage message;
    *message.mutable_join_group() = join;
    message.mutable_join_group()->set_rank(member.rank);
    if (member.rank == 0) AddLiveProbes(stream, phase, message);
    state.Send(id, std::move(message));
  }
}

int64_t FurthestStepBefore(const PhaseState& phase, int64_t generation) {
  int64_t furthest = 0;
  for (const auto& [number, earlier] : phase.generations) {
    if (number >= generation) break;
    furthest = std::max(furthest, earlier.committed_step_count());
  }
  return furthest;
}

absl::Status Groups::Break(ClusterState& state, const BreakGroup& action) {
  PhaseState* phase =
      state.FindGroup(action.stream, action.phase, action.generation);
  if (phase == nullptr) return absl::OkStatus();
  const auto& generation = phase->generations.at(action.generation);
  const int64_t reached =
      generation.committed_step_count() +
      static_cast<int64_t>(phase->group.pending_steps.size());
  const bool progressed =
      reached > FurthestStepBefore(*phase, action.generation);
  storage::v1::PhaseRecord record = phase->record;
  record.mutable_phase()->set_generation(0);
  record.mutable_phase()->set_worker_count(0);
  record.mutable_phase()->set_reason(action.reason);
  if (progressed) {
    record.set_forming_failures(0);
  } else if (!LeftByOrder(state, phase->group)) {
    record.set_forming_failures(record.forming_failures() + 1);
  }
  Edit edit = cluster_.NewEdit(durable::kBreakGroup);
  AddClose(*phase, action.reason, edit);
  edit.PutPhase(record);
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  phase->break_time = edit.now();
  CountRecovery(state, *phase);
  CloseAndRecall(state, *phase, action.reason);
  return absl::OkStatus();
}

void Groups::CountRecovery(const ClusterState& state, const PhaseState& phase) {
  for (const auto& [id, member] : phase.group.members) {
    auto it = state.workers.find(id);
    const bool silent = it != state.workers.end() &&
                        it->second.info.incarnation() == member.incarnation &&
                        !member.finished && !member.ended;
    if (!silent) continue;
    const absl::Duration age = cluster_.Now() - it->second.heartbeat_time;
    if (it->second.attached() && age <= cluster_.env().planner.evict_after) {
      continue;
    }
    cluster_.env().metrics->Observe("keel_recovery_duration_seconds",
                                    absl::ToDoubleSeconds(age),
                                    {{"stage", "detect"}});
    return;
  }
}

void Groups::AddClose(const PhaseState& phase, std::string_view reason,
                      Edit& edit) {
  if (phase.group.generation == 0 || phase.group.closed) return;
  storage::v1::GenerationRecord record =
      phase.generations.at(phase.group.generation);
  StepLedger::AddPending(phase, record, edit);
  record.set_closed(true);
  record.set_reason(std::string(reason));
  edit.PutGeneration(std::move(record));
}

void Groups::Close(ClusterState& state, PhaseState& phase,
                   std::string_view reason) {
  GroupState& group = phase.group;
  if (group.generation == 0 || group.closed) return;
  group.closed = true;
  group.pending_steps.clear();
  SendReplies(state, group.rendezvous->Close(reason));
}

void Groups::CloseAndRecall(ClusterState& state, PhaseState& phase,
                            std::string_view reason) {
  const GroupState& group = phase.group;
  if (group.generation == 0 || group.closed) return;
  Close(state, phase, reason);
  for (const auto& [id, member] : group.members) {
    auto it = state.workers.find(id);
    if (it == state.workers.end() ||
        it->second.generation != group.generation) {
      continue;
    }
    v1::CoordinatorMessage message;
    message.mutable_leave_group()->set_generation(group.generation);
    message.mutable_leave_group()->set_reason(std::string(reason));
    state.Send(id, std::move(message));
  }
}

void Groups::HandleStore(ClusterState& state, const WorkerState& worker,
                         const v1::StoreRequest& request) {
  PhaseState* phase =
      state.FindGroup(worker.stream, worker.phase, request.generation());
  if (phase != nullptr && worker.generation == request.generation()) {
    SendReplies(state,
                phase->group.rendezvous->Apply(worker.info.id(), request));
    return;
  }
  v1::CoordinatorMessage message;
  v1::StoreReply& reply = *message.mutable_store_reply();
  reply.set_generation(request.generation());
  reply.set_id(request.id());
  reply.set_error(
      absl::StrCat("generation ", request.generation(), " is closed"));
  state.Send(worker.info.id(), std::move(message));
}

absl::Status Groups::HandleEnded(ClusterState& state, WorkerState& worker,
                                 const v1::GroupEnded& ended) {
  if (worker.generation == 0 || ended.generation() != worker.generation) {
    LogDebug("late end of a group ignored", {{"worker", worker.info.id()}});
    return absl::OkStatus();
  }
  PhaseState* phase =
      state.FindGroup(worker.stream, worker.phase, ended.generation());
  worker.generation = 0;
  worker.stream.clear();
  worker.phase = 0;
  if (ended.outcome() == v1::GroupEnded::UNABLE) {
    worker.rest_end = cluster_.Now() + RetryPause(++worker.unable_count);
  } else if (ended.outcome() == v1::GroupEnded::FINISHED) {
    worker.unable_count = 0;
  }
  if (phase == nullptr) return absl::OkStatus();
  GroupState::Member& member = phase->group.members[worker.info.id()];
  member.finished = ended.outcome() == v1::GroupEnded::FINISHED;
  member.ended = !member.finished;
  member.stopped = ended.outcome() == v1::GroupEnded::STOPPED;
  LogInfo("member left its group",
          {{"worker", worker.info.id()},
           {"generation", absl::StrCat(ended.generation())},
           {"outcome", v1::GroupEnded::Outcome_Name(ended.outcome())},
           {"message", ended.message()}});
  if (ended.outcome() != v1::GroupEnded::FAILED) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("worker ", worker.info.id(), ": ", ended.message()));
}

bool Groups::Adopt(ClusterState& state, const v1::Hello& hello) {
  PhaseState* phase =
      state.FindGroup(hello.stream(), hello.phase(), hello.generation());
  if (phase == nullptr) return false;
  auto it = phase->group.members.find(hello.worker().id());
  return it != phase->group.members.end() && !it->second.ended &&
         it->second.incarnation == hello.worker().incarnation();
}

void Groups::EndMemberships(ClusterState& state, const std::string& worker_id,
                            int64_t except_generation) {
  for (auto& [name, stream] : state.streams) {
    for (int number : stream.open_phases) {
      GroupState& group = stream.phases.at(number).group;
      auto it = group.members.find(worker_id);
      if (it != group.members.end() && !group.closed && !it->second.finished &&
          group.generation != except_generation) {
        it->second.ended = true;
      }
    }
  }
}

}  // namespace keel
