#include "coordinator/services/state_views.h"

#include <algorithm>

#include "common/config/stream_config.h"
#include "common/plan/phase_schedule.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/core/plan_history.h"

namespace keel {
namespace {

int64_t SmallestStep(const StreamState& stream, const v1::Phase& phase) {
  const v1::StreamConfig& config = stream.record.stream().config();
  const v1::TrainConfig& train = config.train();
  const auto schedule = PhaseSchedule::Create(
      {.seed = train.seed(),
       .phase = phase.number(),
       .sample_count = phase.sample_count(),
       .global_batch = train.global_batch(),
       .epochs = train.epochs(),
       .drop_last = train.drop_last(),
       .replay_count = phase.accounting().replay_count(),
       .replay_per_batch = config.method().replay().per_batch()});
  return schedule.ok() ? schedule->smallest_step() : 0;
}

bool IsPlanStale(const StreamState& stream, const PhaseState& phase) {
  if (phase.record.plan_digest().empty()) return true;
  return !phase.record.phase().has_start_time() &&
         phase.record.previous_phase() != NewestPublishedPhase(stream) &&
         NeedsHistory(stream.record.stream().config().method());
}

GroupView ViewOfGroup(const GroupState& group) {
  GroupView view;
  view.generation = group.generation;
  view.closed = group.closed;
  view.form_time = group.form_time;
  view.progress_time = group.progress_time;
  for (const auto& [id, member] : group.members) {
    view.members.push_back(
        {id, member.incarnation, member.finished, member.ended});
  }
  return view;
}

PhaseView ViewOfPhase(const StreamState& stream, const PhaseState& phase,
                      bool is_first) {
  const v1::Phase& record = phase.record.phase();
  PhaseView view;
  view.number = record.number();
  view.attempt = record.attempt();
  view.state = record.state();
  // It starts from what is published by then, so whatever comes before it has
  // to be over.
  const v1::Stream& shown = stream.record.stream();
  const int parent = ParentAfter(shown.config(), shown.published_phase());
  view.parent_ready =
      is_first && (parent < 0 || FilesOf(stream, parent) != nullptr);
  view.plan_stale = IsPlanStale(stream, phase);
  view.sample_count = record.sample_count();
  view.smallest_step = SmallestStep(stream, record);
  view.group = ViewOfGroup(phase.group);
  view.result_uploaded = IsTrained(phase);
  view.forming_failures = phase.record.forming_failures();
  return view;
}

// True if a FAILED phase comes before the first one that is open.
bool IsBlocked(const StreamState& stream) {
  if (stream.record.stream().state() != v1::Stream::BLOCKED) return false;
  for (const auto& [number, phase] : stream.phases) {
    const v1::Phase::State state = phase.record.phase().state();
    if (state == v1::Phase::FAILED) return true;
    if (!IsFinal(state)) return false;
  }
  return false;
}

StreamView ViewOfStream(const StreamState& stream) {
  StreamView view;
  view.name = stream.record.stream().name();
  view.config = stream.record.stream().config();
  view.blocked = IsBlocked(stream);
  view.close_requested = !stream.close_requests.empty();
  for (int64_t number : stream.backlog) {
    const v1::Chunk& chunk = stream.chunks.at(number).chunk();
    view.backlog.push_back({chunk.digest(), chunk.samples().accepted_count(),
                            FromTimestamp(chunk.accept_time())});
  }
  for (int number : stream.open_phases) {
    const PhaseState& phase = stream.phases.at(number);
    if (IsFinal(phase.record.phase().state())) continue;
    view.phases.push_back(ViewOfPhase(stream, phase, view.phases.empty()));
  }
  return view;
}

bool HasGpu(const v1::Worker& worker) {
  return !worker.device().empty() && worker.device() != "cpu";
}

WorkerView ViewOfWorker(const WorkerState& worker) {
  WorkerView view;
  view.id = worker.info.id();
  view.incarnation = worker.info.incarnation();
  view.attached = worker.attached();
  view.attach_time = worker.attach_time;
  view.start_time = worker.start_time;
  view.heartbeat_time = worker.attached() && worker.sink->message_waits()
                            ? absl::InfiniteFuture()
                            : worker.heartbeat_time;
  view.gpu = HasGpu(worker.info);
  view.draining = worker.draining;
  view.generation = worker.generation;
  view.task_id = worker.task_id;
  view.leaving = worker.leaving_generation != 0;
  view.rest_end = worker.rest_end;
  return view;
}

TaskView ViewOfTask(const TaskState& task) {
  TaskView view;
  view.task_id = task.record.task_id();
  view.stream = task.record.stream();
  view.phase = task.record.phase();
  view.done = task.record.done();
  view.worker_id = task.worker_id;
  view.worker_incarnation = task.worker_incarnation;
  view.lease_end = task.lease_end;
  view.retry_time = task.retry_time;
  view.failed_workers = task.failed_workers;
  view.failure_count = task.record.failure_count();
  view.loss_count = task.record.loss_count();
  view.last_error = task.record.last_error();
  return view;
}

v1::Worker::State StateOf(const WorkerState& worker) {
  if (worker.lost || !worker.attached()) return v1::Worker::LOST;
  if (worker.draining) return v1::Worker::DRAINING;
  if (worker.generation != 0) return v1::Worker::TRAINING;
  return worker.busy() ? v1::Worker::BUSY : v1::Worker::IDLE;
}

}  // namespace

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t nanos = absl::ToUnixNanos(time);
  timestamp.set_seconds(nanos / 1'000'000'000);
  timestamp.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return timestamp;
}

absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

v1::Stream ShowStream(const StreamState& stream) {
  v1::Stream shown = stream.record.stream();
  int64_t samples = 0;
  for (int64_t number : stream.backlog) {
    samples += stream.chunks.at(number).chunk().samples().accepted_count();
  }
  shown.set_backlog_chunk_count(static_cast<int64_t>(stream.backlog.size()));
  shown.set_backlog_sample_count(samples);
  shown.set_last_phase(stream.phases.empty() ? 0
                                             : stream.phases.rbegin()->first);
  return shown;
}

v1::Phase ShowPhase(const PhaseState& phase) {
  v1::Phase shown = phase.record.phase();
  if (shown.state() == v1::Phase::TRAINING) {
    *shown.mutable_progress() = phase.progress;
  }
  return shown;
}

v1::Worker ShowWorker(const WorkerState& worker) {
  v1::Worker shown = worker.info;
  shown.set_state(StateOf(worker));
  shown.set_stream(worker.stream);
  shown.set_phase(worker.phase);
  shown.set_generation(worker.generation);
  *shown.mutable_attach_time() = ToTimestamp(worker.attach_time);
  *shown.mutable_heartbeat_time() = ToTimestamp(worker.heartbeat_time);
  return shown;
}

ClusterView ViewOf(const ClusterState& state) {
  ClusterView view;
  view.start_time = state.start_time;
  for (const auto& [id, worker] : state.workers) {
    if (!worker.lost) view.workers.push_back(ViewOfWorker(worker));
  }
  for (const auto& [name, stream] : state.streams) {
    view.streams.push_back(ViewOfStream(stream));
  }
  for (const auto& [id, task] : state.tasks) {
    view.tasks.push_back(ViewOfTask(task));
  }
  return view;
}

int NewestPublishedPhase(const StreamState& stream) {
  return std::max(0, stream.record.stream().published_phase());
}

int ParentAfter(const v1::StreamConfig& config, int published_phase) {
  return IsJoint(config.method()) ? std::min(0, published_phase)
                                  : published_phase;
}

bool IsTrained(const PhaseState& phase) {
  const v1::Phase& record = phase.record.phase();
  return phase.record.result_files_size() > 0 &&
         record.committed_step_count() == record.step_count();
}

const google::protobuf::RepeatedPtrField<v1::CheckpointFile>* FilesOf(
    const StreamState& stream, int checkpoint) {
  if (auto it = stream.checkpoints.find(checkpoint);
      it != stream.checkpoints.end()) {
    return &it->second.files();
  }
  auto it = stream.phases.find(checkpoint);
  if (it == stream.phases.end() ||
      it->second.record.phase().state() != v1::Phase::EVALUATING) {
    return nullptr;
  }
  return &it->second.record.result_files();
}

}  // namespace keel
