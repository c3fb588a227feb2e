#include "coordinator/services/phase_maker.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/core/plan_history.h"
#include "coordinator/services/blob_message.h"
#include "coordinator/services/chunk_indexes.h"
#include "coordinator/services/state_views.h"

namespace keel {
namespace {

using storage::v1::PhaseRecord;

constexpr int kMaxNameLength = 63;

// The checkpoint that the phase will start from if all before it is published.
int ExpectedParent(const StreamState& stream) {
  const v1::Stream& shown = stream.record.stream();
  int newest = shown.published_phase();
  for (const auto& [number, phase] : stream.phases) {
    if (!IsFinal(phase.record.phase().state())) newest = number;
  }
  return ParentAfter(shown.config(), newest);
}

v1::Phase NewPhase(const std::string& stream, int number, int parent,
                   const std::vector<IndexedChunkRef>& chunks) {
  v1::Phase phase;
  phase.set_stream(stream);
  phase.set_number(number);
  phase.set_attempt(1);
  phase.set_parent(parent);
  for (const IndexedChunkRef& chunk : chunks) {
    phase.add_chunk_digests(chunk.record.chunk().digest());
  }
  return phase;
}

void ShowPlan(const BuiltPlan& built, const std::string& reason,
              v1::Phase& phase) {
  const bool empty = built.plan.sample_count() == 0;
  phase.set_state(empty ? v1::Phase::SKIPPED : v1::Phase::QUEUED);
  phase.set_reason(empty ? "it has no trainable sample" : reason);
  *phase.mutable_accounting() = built.accounting;
}

// Until there is a plan all accepted samples are due.
void ExpectAll(const std::vector<IndexedChunkRef>& chunks,
               v1::Accounting& accounting) {
  int64_t accepted = 0;
  for (const IndexedChunkRef& chunk : chunks) {
    accepted += chunk.record.chunk().samples().accepted_count();
  }
  accounting.set_accepted_count(accepted);
  accounting.set_planned_count(accepted);
}

// The samples that the phase holds out, if it has any.
void PutProbe(const StreamState& stream, int number,
              const storage::v1::PhasePlan& plan, Edit& edit) {
  storage::v1::ProbeRecord probe;
  probe.set_stream(stream.record.stream().name());
  probe.set_name(UniqueProbeName(stream, absl::StrCat("phase-", number)));
  probe.set_held_out_phase(number);
  for (const storage::v1::PlannedChunk& chunk : plan.chunks()) {
    if (chunk.probe_ordinals_size() > 0) *probe.add_chunks() = chunk;
  }
  if (probe.chunks_size() > 0) edit.PutProbe(std::move(probe));
}

}  // namespace

std::string UniqueProbeName(const StreamState& stream,
                            const std::string& base) {
  std::string name = base;
  for (int i = 2; stream.probes.contains(name); ++i) {
    const std::string suffix = absl::StrCat("-", i);
    name = base.substr(0, kMaxNameLength - suffix.size()) + suffix;
  }
  return name;
}

absl::Status PhaseMaker::Create(const CreatePhase& action) {
  KEEL_ASSIGN_OR_RETURN(Draft draft, Begin(action));
  PhaseRecord record;
  *record.mutable_phase() =
      NewPhase(action.stream, draft.number, draft.parent, draft.chunks);
  const absl::Status read = ReadIndexes(draft.stream, draft.chunks);
  if (IsLost(read)) {
    record.mutable_phase()->set_state(v1::Phase::FAILED);
    record.mutable_phase()->set_reason(std::string(read.message()));
    ExpectAll(draft.chunks, *record.mutable_phase()->mutable_accounting());
    return Finish(draft, std::move(record), {});
  }
  KEEL_RETURN_IF_ERROR(read);
  const BuiltPlan built = BuildPlan(draft.stream, draft.number, draft.chunks);
  ShowPlan(built, action.reason, *record.mutable_phase());
  BlobPins pins(cluster_);
  KEEL_RETURN_IF_ERROR(StorePlan(built.plan, pins, record));
  return Finish(draft, std::move(record), built.plan);
}

absl::Status PhaseMaker::StorePlan(const storage::v1::PhasePlan& plan,
                                   BlobPins& pins, PhaseRecord& record) {
  const std::string bytes = plan.SerializeAsString();
  pins.Pin(Sha256Hex(bytes));
  KEEL_ASSIGN_OR_RETURN(std::string digest, cluster_.env().blobs->Put(bytes));
  record.set_plan_digest(std::move(digest));
  record.set_plan_size_bytes(static_cast<int64_t>(bytes.size()));
  record.set_previous_phase(plan.previous_phase());
  v1::Phase& phase = *record.mutable_phase();
  phase.set_sample_count(plan.sample_count());
  phase.set_epochs(plan.epochs());
  phase.set_step_count(plan.step_count());
  v1::Accounting& accounting = *phase.mutable_accounting();
  accounting.set_earlier_count(plan.sample_count() -
                               accounting.planned_count());
  accounting.set_replay_count(ReplayCount(plan));
  return absl::OkStatus();
}

absl::Status PhaseMaker::Complete(const CompletePlan& action) {
  KEEL_ASSIGN_OR_RETURN(Completion found, FindPlans(action));
  KEEL_ASSIGN_OR_RETURN(BuiltPlan built, ReadPlan(found));
  storage::v1::PhasePlan previous;
  if (!found.previous_plan.empty()) {
    KEEL_ASSIGN_OR_RETURN(
        previous, ReadMessage<storage::v1::PhasePlan>(*cluster_.env().blobs,
                                                      found.previous_plan));
  }
  PhaseRecord record = found.record;
  if (record.plan_digest().empty()) {
    ShowPlan(built, record.phase().reason(), *record.mutable_phase());
  }
  const storage::v1::PhasePlan plan =
      NeedsHistory(built.plan)
          ? WithHistory(std::move(built.plan),
                        found.previous_plan.empty() ? nullptr : &previous)
          : std::move(built.plan);
  BlobPins pins(cluster_);
  KEEL_RETURN_IF_ERROR(StorePlan(plan, pins, record));
  return ReplacePlan(found, std::move(record), plan);
}

absl::StatusOr<PhaseMaker::Completion> PhaseMaker::FindPlans(
    const CompletePlan& action) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state->FindStream(action.stream));
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                        state->FindPhase(action.stream, action.phase));
  Completion found{stream->record.stream(), phase->record, {}, ""};
  for (const std::string& digest : phase->record.phase().chunk_digests()) {
    found.chunks.push_back(
        {stream->chunks.at(stream->chunk_numbers.at(digest)), {}});
  }
  const int previous = NewestPublishedPhase(*stream);
  if (previous > 0 && NeedsHistory(found.stream.config().method())) {
    found.previous_plan = stream->phases.at(previous).record.plan_digest();
  }
  return found;
}

absl::StatusOr<BuiltPlan> PhaseMaker::ReadPlan(Completion& completion) {
  const PhaseRecord& record = completion.record;
  const v1::Phase& shown = record.phase();
  if (!record.plan_digest().empty()) {
    auto plan = ReadMessage<storage::v1::PhasePlan>(*cluster_.env().blobs,
                                                    record.plan_digest());
    if (plan.ok()) return BuiltPlan{*std::move(plan), shown.accounting()};
    if (!IsLost(plan.status())) return plan.status();
    LogWarning("a plan was damaged and is made anew",
               {{"stream", shown.stream()},
                {"phase", absl::StrCat(shown.number())},
                {"error", plan.status().ToString()}});
  }
  KEEL_RETURN_IF_ERROR(ReadIndexes(completion.stream, completion.chunks));
  return BuildPlan(completion.stream, shown.number(), completion.chunks);
}

absl::Status PhaseMaker::ReplacePlan(const Completion& completion,
                                     PhaseRecord record,
                                     const storage::v1::PhasePlan& plan) {
  const v1::Phase& shown = completion.record.phase();
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state->FindStream(shown.stream()));
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                        state->FindPhase(shown.stream(), shown.number()));
  // What changed meanwhile is looked at again by the next pass.
  if (phase->record.phase().revision() != shown.revision() ||
      (NeedsHistory(plan) &&
       record.previous_phase() != NewestPublishedPhase(*stream))) {
    return absl::OkStatus();
  }
  Edit edit = cluster_.NewEdit(durable::kCompletePlan);
  // Otherwise its probes are known since it was created.
  if (completion.record.plan_digest().empty()) {
    PutProbe(*stream, shown.number(), plan, edit);
  }
  if (IsFinal(record.phase().state())) {
    *record.mutable_phase()->mutable_end_time() = ToTimestamp(edit.now());
  }
  edit.PutPhase(std::move(record));
  KEEL_RETURN_IF_ERROR(cluster_.Commit(*state, edit));
  // The plan before stays until the next start: a backup that was begun may
  // have it in its records (docs/operations.md).
  LogInfo("plan completed", {{"stream", shown.stream()},
                             {"phase", absl::StrCat(shown.number())}});
  return absl::OkStatus();
}

absl::StatusOr<PhaseMaker::Draft> PhaseMaker::Begin(const CreatePhase& action) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state->FindStream(action.stream));
  Draft draft;
  draft.stream = stream->record.stream();
  draft.number =
      stream->phases.empty() ? 1 : stream->phases.rbegin()->first + 1;
  draft.parent = ExpectedParent(*stream);
  for (const std::string& digest : action.chunk_digests) {
    auto number = stream->chunk_numbers.find(digest);
    if (number == stream->chunk_numbers.end() ||
        !stream->backlog.contains(number->second)) {
      return absl::AbortedError(
          absl::StrCat("chunk ", digest, " does not wait any more"));
    }
    draft.chunks.push_back({stream->chunks.at(number->second), {}});
  }
  return draft;
}

absl::Status PhaseMaker::ReadIndexes(const v1::Stream& stream,
                                     std::vector<IndexedChunkRef>& chunks) {
  for (IndexedChunkRef& chunk : chunks) {
    KEEL_ASSIGN_OR_RETURN(chunk.index,
                          ReadChunkIndex(*cluster_.env().blobs, chunk.record,
                                         stream.config().limits()));
  }
  return absl::OkStatus();
}

absl::Status PhaseMaker::Finish(const Draft& draft, PhaseRecord record,
                                const storage::v1::PhasePlan& plan) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state->FindStream(draft.stream.name()));
  Edit edit = cluster_.NewEdit(durable::kCreatePhase);
  v1::Phase& phase = *record.mutable_phase();
  *phase.mutable_create_time() = ToTimestamp(edit.now());
  if (IsFinal(phase.state())) *phase.mutable_end_time() = phase.create_time();
  if (phase.state() == v1::Phase::FAILED) {
    storage::v1::StreamRecord blocked = stream->record;
    blocked.mutable_stream()->set_state(v1::Stream::BLOCKED);
    edit.PutStream(std::move(blocked));
  }
  for (const IndexedChunkRef& chunk : draft.chunks) {
    storage::v1::ChunkRecord taken = chunk.record;
    taken.mutable_chunk()->set_phase(draft.number);
    edit.PutChunk(std::move(taken));
  }
  PutProbe(*stream, draft.number, plan, edit);
  // Whoever asked for a phase of all that waits gets this one if nothing else
  // waits.
  const bool answers = stream->backlog.size() == draft.chunks.size();
  for (const std::string& request : stream->close_requests) {
    if (answers) {
      edit.PutRequest(draft.stream.name(), request, absl::StrCat(draft.number));
    }
  }
  edit.PutPhase(std::move(record));
  KEEL_RETURN_IF_ERROR(cluster_.Commit(*state, edit));
  if (answers) stream->close_requests.clear();
  LogInfo("phase created", {{"stream", draft.stream.name()},
                            {"phase", absl::StrCat(draft.number)}});
  return absl::OkStatus();
}

}  // namespace keel
