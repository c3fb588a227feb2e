#include "coordinator/services/ledger_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

using storage::v1::StepRecord;

// What is needed of a phase to read its ledger without the lock.
struct PhaseSource {
  storage::v1::PhaseRecord record;
  std::vector<storage::v1::GenerationRecord> generations;
};

PhaseSource SourceOf(const PhaseState& phase) {
  PhaseSource source;
  source.record = phase.record;
  for (const auto& [number, generation] : phase.generations) {
    source.generations.push_back(generation);
  }
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
  if (number != 0) {
    KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state->FindPhase(stream, number));
    if (!WasTrained(phase->record.phase())) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "phase ", number, " has not been trained")),
                        {"PHASE_STATE", {{"stream", stream}}});
    }
    sources.push_back(SourceOf(*phase));
    return sources;
  }
  KEEL_ASSIGN_OR_RETURN(StreamState * found, state->FindStream(stream));
  for (const auto& [n, phase] : found->phases) {
    if (WasTrained(phase.record.phase())) sources.push_back(SourceOf(phase));
  }
  return sources;
}

absl::StatusOr<std::vector<StepRecord>> ReadSteps(Store& store,
                                                  const PhaseSource& source) {
  std::vector<StepRecord> steps;
  for (const auto& generation : source.generations) {
    KEEL_ASSIGN_OR_RETURN(
        auto pairs,
        store.Scan(table::kSteps,
                   KeyPrefix(GenerationKey(generation.generation()))));
    for (const auto& [key, value] : pairs) {
      if (!steps.emplace_back().ParseFromString(value)) {
        return absl::DataLossError(
            absl::StrCat("step ", key, " of the ledger is damaged"));
      }
    }
  }
  return steps;
}

template <typename Message>
absl::StatusOr<Message> ReadMessage(BlobStore& blobs,
                                    const std::string& digest) {
  KEEL_ASSIGN_OR_RETURN(std::string bytes, blobs.ReadVerified(digest));
  Message message;
  if (message.ParseFromString(bytes)) return message;
  return absl::DataLossError(absl::StrCat("blob ", digest, " does not parse"));
}

PhaseLedger NewLedger(const PhaseSource& source) {
  PhaseLedger ledger;
  ledger.accounting = source.record.phase().accounting();
  ledger.generations = source.generations;
  // Uploads are fenced by the generation, and none is formed once the result
  // is there: the newest one brought it.
  if (!source.generations.empty()) {
    ledger.final_generation = source.generations.back().generation();
  }
  return ledger;
}

absl::StatusOr<PhaseLedger> ReadLedger(const Environment& env,
                                       const PhaseSource& source) {
  PhaseLedger ledger = NewLedger(source);
  KEEL_ASSIGN_OR_RETURN(ledger.plan,
                        ReadMessage<storage::v1::PhasePlan>(
                            *env.blobs, source.record.plan_digest()));
  for (const auto& chunk : ledger.plan.chunks()) {
    KEEL_ASSIGN_OR_RETURN(auto index, ReadMessage<storage::v1::ChunkIndex>(
                                          *env.blobs, chunk.index_digest()));
    ledger.indexes.push_back(std::move(index));
  }
  KEEL_ASSIGN_OR_RETURN(ledger.steps, ReadSteps(*env.store, source));
  return ledger;
}

absl::StatusOr<std::vector<StepRecord>> LineageOf(Store& store,
                                                  const PhaseSource& source) {
  PhaseLedger ledger = NewLedger(source);
  KEEL_ASSIGN_OR_RETURN(ledger.steps, ReadSteps(store, source));
  return LineageSteps(ledger);
}

}  // namespace

absl::StatusOr<std::vector<StepRecord>> ReadLineage(Store& store,
                                                    const PhaseState& phase) {
  return LineageOf(store, SourceOf(phase));
}

absl::StatusOr<std::vector<StepRecord>> ReadLineage(Cluster& cluster,
                                                    const std::string& stream,
                                                    int number) {
  PhaseSource source;
  {
    auto state = cluster.Lock();
    KEEL_ASSIGN_OR_RETURN(PhaseState * phase, state->FindPhase(stream, number));
    source = SourceOf(*phase);
  }
  return LineageOf(*cluster.env().store, source);
}

absl::StatusOr<std::vector<v1::LedgerVerdict>> VerifyLedger(
    Cluster& cluster, const std::string& stream, int number) {
  KEEL_ASSIGN_OR_RETURN(auto sources, FindSources(cluster, stream, number));
  std::vector<v1::LedgerVerdict> verdicts;
  for (const PhaseSource& source : sources) {
    KEEL_ASSIGN_OR_RETURN(PhaseLedger ledger,
                          ReadLedger(cluster.env(), source));
    verdicts.push_back(VerifyPhase(ledger));
    verdicts.back().set_attempt(source.record.phase().attempt());
  }
  return verdicts;
}

}  // namespace keel
