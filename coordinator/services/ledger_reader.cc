#include "coordinator/services/ledger_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/core/plan_builder.h"
#include "coordinator/core/plan_history.h"
#include "coordinator/services/blob_message.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

using storage::v1::StepRecord;

// Steps that are read at a time.
constexpr int kStepsPerRead = 1000;

// What is needed of a phase to read its ledger without the lock.
struct PhaseSource {
  storage::v1::PhaseRecord record;
  std::vector<storage::v1::GenerationRecord> generations;
  // Digest of the plan of the newest published phase before it; empty: there
  // is none.
  std::string previous_plan;
};

std::vector<storage::v1::GenerationRecord> GenerationsOf(
    const PhaseState& phase) {
  std::vector<storage::v1::GenerationRecord> generations;
  for (const auto& [number, generation] : phase.generations) {
    generations.push_back(generation);
  }
  return generations;
}

PhaseSource SourceOf(const StreamState& stream, const PhaseState& phase) {
  PhaseSource source;
  source.record = phase.record;
  // None of them was published later: an attempt cannot start once a later
  // phase has.
  for (const auto& [number, earlier] : stream.phases) {
    if (number >= phase.record.phase().number()) break;
    if (earlier.record.phase().state() == v1::Phase::PUBLISHED) {
      source.previous_plan = earlier.record.plan_digest();
    }
  }
  source.generations = GenerationsOf(phase);
  return source;
}

bool WasTrained(const v1::Phase& phase) {
  switch (phase.state()) {
    case v1::Phase::EVALUATING:
    case v1::Phase::PUBLISHED:
    case v1::Phase::HELD:
    case v1::Phase::REJECTED:
      return true;
    default:
      return false;
  }
}

absl::StatusOr<std::vector<PhaseSource>> FindSources(Cluster& cluster,
                                                     const std::string& stream,
                                                     int number) {
  auto state = cluster.Lock();
  std::vector<PhaseSource> sources;
  KEEL_ASSIGN_OR_RETURN(StreamState * found, state->FindStream(stream));
  if (number != 0) {
    KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state->FindPhase(stream, number));
    if (!WasTrained(phase->record.phase())) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "phase ", number, " has not been trained")),
                        {"PHASE_STATE", {{"stream", stream}}});
    }
    sources.push_back(SourceOf(*found, *phase));
    return sources;
  }
  for (const auto& [n, phase] : found->phases) {
    if (WasTrained(phase.record.phase()))
      sources.push_back(SourceOf(*found, phase));
  }
  return sources;
}

// Uploads are fenced by the generation, and none is formed once the result is
// there: the newest one brought it. 0: none was formed.
template <typename Generations>
int64_t FinalGeneration(const Generations& generations) {
  return generations.empty() ? 0 : generations.rbegin()->generation();
}

// One generation's part of VisitSteps. False: `visit` has seen enough.
absl::StatusOr<bool> VisitSegment(
    Store& store, const LineageSegment& segment,
    const std::function<bool(StepRecord)>& visit) {
  const std::string prefix = KeyPrefix(GenerationKey(segment.generation));
  std::string after =
      segment.steps.begin == 0
          ? ""
          : StepKey(segment.generation, segment.steps.begin - 1);
  while (true) {
    KEEL_ASSIGN_OR_RETURN(
        auto pairs, store.Scan(table::kSteps, prefix, after, kStepsPerRead));
    for (const auto& [key, value] : pairs) {
      StepRecord step;
      if (!step.ParseFromString(value)) {
        return absl::DataLossError(
            absl::StrCat("step ", key, " of the ledger is damaged"));
      }
      if (step.step() >= segment.steps.end) return true;
      if (!visit(std::move(step))) return false;
    }
    if (pairs.size() < kStepsPerRead) return true;
    after = std::move(pairs.back().first);
  }
}

PhaseLedger NewLedger(const PhaseSource& source) {
  PhaseLedger ledger;
  ledger.accounting = source.record.phase().accounting();
  ledger.generations = source.generations;
  ledger.final_generation = FinalGeneration(source.generations);
  return ledger;
}

// The samples that the plan replays; one index at a time is in memory.
absl::StatusOr<std::vector<storage::v1::SampleIndex>> ReadReplayed(
    BlobStore& blobs, const storage::v1::PhasePlan& plan) {
  std::vector<storage::v1::SampleIndex> samples;
  for (const storage::v1::ReplayedChunk& chunk : plan.replay()) {
    KEEL_ASSIGN_OR_RETURN(auto index, ReadMessage<storage::v1::ChunkIndex>(
                                          blobs, chunk.index_digest()));
    for (int ordinal : chunk.ordinals()) {
      if (ordinal < 0 || ordinal >= index.samples_size()) {
        return absl::DataLossError(absl::StrCat("chunk ", chunk.chunk_digest(),
                                                " has no sample ", ordinal));
      }
      samples.push_back(std::move(*index.mutable_samples(ordinal)));
    }
  }
  return samples;
}

absl::StatusOr<PhaseLedger> ReadLedger(const Environment& env,
                                       const PhaseSource& source,
                                       const std::function<bool()>& give_up) {
  PhaseLedger ledger = NewLedger(source);
  BlobStore& blobs = *env.blobs;
  KEEL_ASSIGN_OR_RETURN(ledger.plan, ReadMessage<storage::v1::PhasePlan>(
                                         blobs, source.record.plan_digest()));
  if (NeedsHistory(ledger.plan) && !source.previous_plan.empty()) {
    KEEL_ASSIGN_OR_RETURN(
        ledger.previous_plan,
        ReadMessage<storage::v1::PhasePlan>(blobs, source.previous_plan));
  }
  for (const auto* chunk : PlannedChunks(ledger.plan)) {
    KEEL_ASSIGN_OR_RETURN(auto index, ReadMessage<storage::v1::ChunkIndex>(
                                          blobs, chunk->index_digest()));
    ledger.indexes.push_back(std::move(index));
  }
  KEEL_ASSIGN_OR_RETURN(ledger.replayed, ReadReplayed(blobs, ledger.plan));
  KEEL_RETURN_IF_ERROR(VisitSteps(
      *env.store, Lineage(ledger.generations, ledger.final_generation), 0,
      [&](StepRecord step) {
        ledger.steps.push_back(std::move(step));
        return !give_up();
      }));
  return ledger;
}

}  // namespace

std::vector<LineageSegment> LineageOf(const PhaseState& phase) {
  const std::vector<storage::v1::GenerationRecord> generations =
      GenerationsOf(phase);
  return Lineage(generations, FinalGeneration(generations));
}

absl::Status VisitSteps(Store& store,
                        const std::vector<LineageSegment>& lineage,
                        int64_t begin,
                        const std::function<bool(StepRecord)>& visit) {
  for (LineageSegment segment : lineage) {
    segment.steps.begin = std::max(segment.steps.begin, begin);
    if (segment.steps.begin >= segment.steps.end) continue;
    KEEL_ASSIGN_OR_RETURN(const bool go_on,
                          VisitSegment(store, segment, visit));
    if (!go_on) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StepRecord>> ReadSteps(Cluster& cluster,
                                                  const std::string& stream,
                                                  int number, int64_t begin,
                                                  int limit) {
  std::vector<LineageSegment> lineage;
  {
    auto state = cluster.Lock();
    KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state->FindPhase(stream, number));
    lineage = LineageOf(*phase);
  }
  std::vector<StepRecord> steps;
  KEEL_RETURN_IF_ERROR(
      VisitSteps(*cluster.env().store, lineage, begin, [&](StepRecord step) {
        steps.push_back(std::move(step));
        return std::ssize(steps) < limit;
      }));
  return steps;
}

absl::StatusOr<std::vector<v1::LedgerVerdict>> VerifyLedger(
    Cluster& cluster, const std::string& stream, int number,
    const std::function<bool()>& give_up) {
  KEEL_ASSIGN_OR_RETURN(auto sources, FindSources(cluster, stream, number));
  std::vector<v1::LedgerVerdict> verdicts;
  for (const PhaseSource& source : sources) {
    KEEL_ASSIGN_OR_RETURN(PhaseLedger ledger,
                          ReadLedger(cluster.env(), source, give_up));
    verdicts.push_back(VerifyPhase(ledger, give_up));
    if (give_up()) return absl::CancelledError("nobody waits for the verdict");
    verdicts.back().set_attempt(source.record.phase().attempt());
  }
  return verdicts;
}

}  // namespace keel
