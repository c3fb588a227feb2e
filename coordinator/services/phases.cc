#include "coordinator/services/phases.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/drift_reader.h"
#include "coordinator/services/groups.h"
#include "coordinator/services/ledger_reader.h"
#include "coordinator/services/metrics_export.h"
#include "coordinator/services/state_views.h"
#include "coordinator/services/tasks.h"

namespace keel {
namespace {

using storage::v1::PhaseRecord;
using storage::v1::StreamRecord;

// Struck samples that a reason names.
constexpr size_t kNamedStruck = 5;

absl::Status Refused(const PhaseState& phase, const std::string& why) {
  const v1::Phase& shown = phase.record.phase();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "phase ", shown.number(), " of ", shown.stream(), ": ", why)),
      {"PHASE_STATE",
       {{"stream", shown.stream()},
        {"phase", absl::StrCat(shown.number())},
        {"state", StateName(shown.state())}}});
}

// The record of a phase after an event; its group and tasks aside.
absl::StatusOr<PhaseRecord> After(const PhaseState& phase, PhaseEvent event,
                                  const std::string& reason, absl::Time now) {
  PhaseRecord record = phase.record;
  v1::Phase& shown = *record.mutable_phase();
  absl::StatusOr<v1::Phase::State> next = NextPhaseState(shown.state(), event);
  if (!next.ok()) {
    return Refused(phase, std::string(next.status().message()));
  }
  shown.set_state(*next);
  shown.set_reason(reason);
  shown.set_generation(0);
  shown.set_worker_count(0);
  if (IsFinal(*next)) *shown.mutable_end_time() = ToTimestamp(now);
  return record;
}

StreamRecord WithState(const StreamState& stream, v1::Stream::State value) {
  StreamRecord record = stream.record;
  record.mutable_stream()->set_state(value);
  return record;
}

std::vector<std::string> ResumeBlobs(const PhaseRecord& record) {
  std::vector<std::string> digests;
  for (const auto& point : record.resume_points()) {
    for (const auto& file : point.files()) digests.push_back(file.digest());
  }
  return digests;
}

// What an attempt has made so far.
std::vector<std::string> BlobsOfAttempt(const PhaseRecord& record) {
  std::vector<std::string> digests = ResumeBlobs(record);
  for (const auto& file : record.result_files()) {
    digests.push_back(file.digest());
  }
  return digests;
}

void LogPhase(const PhaseState& phase) {
  const v1::Phase& shown = phase.record.phase();
  LogInfo("phase changed", {{"stream", shown.stream()},
                            {"phase", absl::StrCat(shown.number())},
                            {"state", StateName(shown.state())},
                            {"reason", shown.reason()}});
}

v1::Checkpoint ToCheckpoint(const PhaseRecord& record, absl::Time now) {
  const v1::Phase& phase = record.phase();
  v1::Checkpoint checkpoint;
  checkpoint.set_stream(phase.stream());
  checkpoint.set_phase(phase.number());
  checkpoint.set_attempt(phase.attempt());
  checkpoint.set_parent(phase.parent());
  *checkpoint.mutable_files() = record.result_files();
  *checkpoint.mutable_publish_time() = ToTimestamp(now);
  checkpoint.set_step_count(phase.step_count());
  return checkpoint;
}

PhaseRecord NextAttempt(const PhaseState& phase) {
  PhaseRecord record = phase.record;
  v1::Phase& shown = *record.mutable_phase();
  shown.set_attempt(shown.attempt() + 1);
  shown.set_state(v1::Phase::QUEUED);
  shown.set_reason("retry was requested");
  shown.set_committed_step_count(0);
  shown.clear_start_time();
  shown.clear_end_time();
  shown.mutable_accounting()->clear_struck_by_reason();
  record.clear_result_files();
  record.clear_resume_points();
  record.set_forming_failures(0);
  return record;
}

// What was measured of an attempt that is not published.
absl::Status AddForgetMeasures(const StreamState& stream, int number,
                               Store& store, Edit& edit) {
  const std::string& name = stream.record.stream().name();
  for (const auto& [key, recall] : stream.recalls) {
    if (recall.phase() == number) edit.EraseRecall(name, recall);
  }
  KEEL_ASSIGN_OR_RETURN(const auto drifts, ReadDrifts(store, name, number));
  for (const v1::Drift& drift : drifts) edit.EraseDrift(name, drift);
  return absl::OkStatus();
}

absl::StatusOr<StruckCounts> CountStruck(
    Store& store, const std::vector<LineageSegment>& lineage) {
  StruckCounts counts;
  KEEL_RETURN_IF_ERROR(
      VisitSteps(store, lineage, 0, [&](const storage::v1::StepRecord& step) {
        for (const auto& struck : step.struck()) {
          ++counts.by_reason[struck.reason()];
          counts.samples.emplace(struck.sample(), struck.reason());
        }
        return true;
      }));
  return counts;
}

// Why the phase fails for what was struck; empty: it does not. Each group holds
// its own steps against the limit; only the whole lineage has all of them.
std::string TooManyStruck(const StreamState& stream, const PhaseState& phase,
                          const StruckCounts& struck) {
  const double limit =
      stream.record.stream().config().limits().max_struck_fraction();
  const v1::Phase& shown = phase.record.phase();
  const int64_t planned =
      shown.sample_count() + shown.accounting().replay_count();
  if (static_cast<double>(struck.samples.size()) <=
      limit * static_cast<double>(planned)) {
    return "";
  }
  std::vector<std::string> named;
  for (const auto& [sample, reason] : struck.samples) {
    if (named.size() == kNamedStruck) break;
    named.push_back(absl::StrCat(sample, " (", reason, ")"));
  }
  return absl::StrCat(struck.samples.size(), " of ", planned,
                      " samples could not be decoded, more than the limit of ",
                      limit * 100, " %: samples ", absl::StrJoin(named, ", "),
                      " [TOO_MANY_STRUCK]");
}

// Nothing trains what a person gave up.
void DropPlanned(v1::Accounting& accounting) {
  accounting.set_dropped_count(accounting.dropped_count() +
                               accounting.planned_count());
  accounting.set_planned_count(0);
}

bool LaterPhaseStarted(const StreamState& stream, int number) {
  return std::any_of(stream.phases.upper_bound(number), stream.phases.end(),
                     [](const auto& entry) {
                       const v1::Phase& phase = entry.second.record.phase();
                       return phase.has_start_time();
                     });
}

// What the stream is once phase `number` no longer blocks it.
v1::Stream::State StateWithout(const StreamState& stream, int number) {
  const bool blocked = std::any_of(
      stream.phases.begin(), stream.phases.end(), [number](const auto& entry) {
        const v1::Phase& phase = entry.second.record.phase();
        return phase.number() != number && phase.state() == v1::Phase::FAILED;
      });
  return blocked ? v1::Stream::BLOCKED : v1::Stream::ACTIVE;
}

}  // namespace

absl::Status Phases::StartEvaluation(const keel::StartEvaluation& action) {
  int attempt = 0;
  std::vector<LineageSegment> lineage;
  {
    auto state = cluster_.Lock();
    KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                          state->FindPhase(action.stream, action.phase));
    attempt = phase->record.phase().attempt();
    lineage = LineageOf(*phase);
  }
  const auto struck = CountStruck(*cluster_.env().store, lineage);
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                        state->FindPhase(action.stream, action.phase));
  if (phase->record.phase().attempt() != attempt) return absl::OkStatus();
  // Read again, it would be as damaged.
  if (absl::IsDataLoss(struck.status())) {
    return Fail(*state, {action.stream, action.phase,
                         std::string(struck.status().message())});
  }
  KEEL_RETURN_IF_ERROR(struck.status());
  return EndTraining(*state, *phase, action, *struck);
}

absl::Status Phases::EndTraining(ClusterState& state, PhaseState& phase,
                                 const keel::StartEvaluation& action,
                                 const StruckCounts& struck) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state.FindStream(action.stream));
  const std::string too_many = TooManyStruck(*stream, phase, struck);
  if (!too_many.empty()) {
    return Fail(state, {action.stream, action.phase, too_many});
  }
  Edit edit = cluster_.NewEdit(durable::kEndTraining);
  KEEL_ASSIGN_OR_RETURN(PhaseRecord record, After(phase, PhaseEvent::kTrained,
                                                  action.reason, edit.now()));
  auto& counts =
      *record.mutable_phase()->mutable_accounting()->mutable_struck_by_reason();
  counts.clear();
  counts.insert(struck.by_reason.begin(), struck.by_reason.end());
  Groups::AddClose(phase, "finished", edit);
  edit.PutPhase(record);
  Tasks::AddFor(state, *stream, phase, edit);
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  // The members have trained all there was, and may still wait for the reply
  // to their upload: they are not called back.
  Groups::Close(state, phase, "finished");
  LogPhase(phase);
  return absl::OkStatus();
}

absl::Status Phases::Publish(ClusterState& state, const PublishPhase& action) {
  return PublishBy(state, action.stream, action.phase, PhaseEvent::kEvaluated,
                   action.reason);
}

absl::Status Phases::Approve(ClusterState& state, const std::string& stream,
                             int number) {
  return PublishBy(state, stream, number, PhaseEvent::kApproveRequested,
                   "approved");
}

absl::Status Phases::PublishBy(ClusterState& state, const std::string& name,
                               int number, PhaseEvent event,
                               const std::string& reason) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state.FindStream(name));
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state.FindPhase(name, number));
  Edit edit = cluster_.NewEdit(durable::kPublish);
  KEEL_ASSIGN_OR_RETURN(PhaseRecord record,
                        After(*phase, event, reason, edit.now()));
  const std::vector<std::string> resume_blobs = ResumeBlobs(record);
  record.clear_resume_points();
  *record.mutable_publish_time() = ToTimestamp(edit.now());
  StreamRecord stream_record = stream->record;
  stream_record.mutable_stream()->set_published_phase(number);
  edit.PutCheckpoint(ToCheckpoint(record, edit.now()));
  edit.PutStream(std::move(stream_record));
  edit.PutPhase(std::move(record));
  Tasks::AddRemoval(state, phase->record.phase(), edit);
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  cluster_.DeleteUnreferenced(state, resume_blobs);
  ExportEvaluation(*stream, *cluster_.env().store, *cluster_.env().metrics);
  LogPhase(*phase);
  return absl::OkStatus();
}

absl::Status Phases::Fail(ClusterState& state, const FailPhase& action) {
  return End(state, action.stream, action.phase, PhaseEvent::kFailed,
             action.reason);
}

absl::Status Phases::End(ClusterState& state, const std::string& name,
                         int number, PhaseEvent event,
                         const std::string& reason) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state.FindStream(name));
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state.FindPhase(name, number));
  Edit edit = cluster_.NewEdit(durable::kEndPhase);
  KEEL_ASSIGN_OR_RETURN(PhaseRecord record,
                        After(*phase, event, reason, edit.now()));
  if (event == PhaseEvent::kFailed) {
    edit.PutStream(WithState(*stream, v1::Stream::BLOCKED));
  } else if (event == PhaseEvent::kSkipRequested) {
    edit.PutStream(WithState(*stream, StateWithout(*stream, number)));
    DropPlanned(*record.mutable_phase()->mutable_accounting());
  }
  Groups::AddClose(*phase, reason, edit);
  // Neither a retry nor the next phase starts from them.
  const std::vector<std::string> blobs = BlobsOfAttempt(record);
  record.clear_resume_points();
  record.clear_result_files();
  edit.PutPhase(std::move(record));
  KEEL_RETURN_IF_ERROR(
      AddForgetMeasures(*stream, number, *cluster_.env().store, edit));
  Tasks::AddRemoval(state, phase->record.phase(), edit);
  const auto holders = Tasks::HoldersOf(state, phase->record.phase());
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  cluster_.DeleteUnreferenced(state, blobs);
  Groups::CloseAndRecall(state, *phase, reason);
  for (const auto& [worker, task] : holders) {
    Tasks::Cancel(state, worker, task);
  }
  LogPhase(*phase);
  return absl::OkStatus();
}

absl::Status Phases::Retry(ClusterState& state, const std::string& name,
                           int number) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state.FindStream(name));
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state.FindPhase(name, number));
  Edit edit = cluster_.NewEdit(durable::kRetryPhase);
  KEEL_RETURN_IF_ERROR(
      After(*phase, PhaseEvent::kRetryRequested, "", edit.now()).status());
  if (LaterPhaseStarted(*stream, number)) {
    return Refused(*phase, "a later phase has trained already");
  }
  const std::vector<std::string> blobs = BlobsOfAttempt(phase->record);
  edit.PutPhase(NextAttempt(*phase));
  edit.PutStream(WithState(*stream, StateWithout(*stream, number)));
  KEEL_RETURN_IF_ERROR(
      AddForgetMeasures(*stream, number, *cluster_.env().store, edit));
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  cluster_.DeleteUnreferenced(state, blobs);
  LogPhase(*phase);
  return absl::OkStatus();
}

}  // namespace keel
