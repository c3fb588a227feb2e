#include "tests/coordinator/simulator/checkpoint_checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/core/ledger.h"
#include "coordinator/core/plan_builder.h"
#include "coordinator/core/plan_history.h"
#include "coordinator/store/table_names.h"
#include "tests/coordinator/simulator/weights.h"

namespace keel::testing {
namespace {

class FilesChecker {
 public:
  FilesChecker(const v1::Checkpoint& checkpoint, Store& store, BlobStore& blobs)
      : checkpoint_(checkpoint), store_(store), blobs_(blobs) {}

  std::vector<std::string> Check() && {
    if (CheckFiles() && checkpoint_.phase() > 0) CheckPhase();
    return std::move(problems_);
  }

 private:
  // False: the files are not to be read.
  bool CheckFiles() {
    for (const v1::CheckpointFile& file : checkpoint_.files()) {
      auto bytes = blobs_.ReadVerified(file.digest());
      if (!bytes.ok()) {
        Problem(absl::StrCat(file.name(), ": ", bytes.status().ToString()));
        return false;
      }
      files_.emplace_back(file.name(), *std::move(bytes));
    }
    if (files_.empty() || files_.back().first != kManifestFile) {
      Problem("it has no manifest");
      return false;
    }
    if (files_.back().second != ManifestOf(files_)) {
      Problem("its manifest names other files");
    }
    return true;
  }

  void CheckPhase() {
    PhaseLedger ledger;
    if (!ReadPhase(ledger)) return Problem("its phase cannot be read");
    const v1::LedgerVerdict verdict = VerifyPhase(ledger);
    for (const std::string& problem : verdict.problems()) Problem(problem);
    CheckWeights(ledger);
  }

  bool ReadPhase(PhaseLedger& ledger) {
    const auto bytes = store_.Get(
        table::kPhases, PhaseKey(checkpoint_.stream(), checkpoint_.phase(),
                                 checkpoint_.attempt()));
    if (!bytes.ok() || !record_.ParseFromString(*bytes)) return false;
    ledger.accounting = record_.phase().accounting();
    if (!ReadMessage(record_.plan_digest(), ledger.plan)) return false;
    for (const auto* chunk : PlannedChunks(ledger.plan)) {
      if (!ReadMessage(chunk->index_digest(), ledger.indexes.emplace_back())) {
        return false;
      }
    }
    return ReadHistory(ledger) && ReadSteps(ledger);
  }

  // The plan follows from that of the newest phase that was published before.
  bool ReadHistory(PhaseLedger& ledger) {
    const auto checkpoints =
        store_.Scan(table::kCheckpoints, KeyPrefix(checkpoint_.stream()));
    if (!checkpoints.ok()) return false;
    for (const auto& [key, value] : *checkpoints) {
      v1::Checkpoint earlier;
      earlier.ParseFromString(value);
      if (earlier.phase() == 0 || earlier.phase() >= checkpoint_.phase() ||
          !NeedsHistory(ledger.plan)) {
        continue;
      }
      const auto bytes = store_.Get(
          table::kPhases,
          PhaseKey(earlier.stream(), earlier.phase(), earlier.attempt()));
      storage::v1::PhaseRecord record;
      if (!bytes.ok() || !record.ParseFromString(*bytes) ||
          !ReadMessage(record.plan_digest(), ledger.previous_plan.emplace())) {
        return false;
      }
    }
    for (const auto& chunk : ledger.plan.replay()) {
      storage::v1::ChunkIndex index;
      if (!ReadMessage(chunk.index_digest(), index)) return false;
      for (int ordinal : chunk.ordinals()) {
        ledger.replayed.push_back(index.samples(ordinal));
      }
    }
    return true;
  }

  template <typename Message>
  bool ReadMessage(const std::string& digest, Message& message) {
    const auto bytes = blobs_.ReadVerified(digest);
    return bytes.ok() && message.ParseFromString(*bytes);
  }

  bool ReadSteps(PhaseLedger& ledger) {
    const auto generations = store_.Scan(table::kGenerations, "");
    if (!generations.ok()) return false;
    for (const auto& [key, value] : *generations) {
      storage::v1::GenerationRecord generation;
      generation.ParseFromString(value);
      if (generation.stream() != checkpoint_.stream() ||
          generation.phase() != checkpoint_.phase() ||
          generation.attempt() != checkpoint_.attempt()) {
        continue;
      }
      ledger.final_generation = generation.generation();
      ledger.generations.push_back(std::move(generation));
      const auto steps = store_.Scan(table::kSteps, KeyPrefix(key));
      if (!steps.ok()) return false;
      for (const auto& [step_key, step] : *steps) {
        ledger.steps.emplace_back().ParseFromString(step);
      }
    }
    return true;
  }

  // What the weights say of themselves is what the ledger says of them.
  void CheckWeights(const PhaseLedger& ledger) {
    const auto weights = Weights::Parse(files_.front().second);
    if (!weights.has_value()) return Problem("its weights are not of here");
    if (weights->stream != checkpoint_.stream() ||
        weights->phase != checkpoint_.phase() ||
        weights->attempt != checkpoint_.attempt()) {
      Problem("its weights are of another phase: " + weights->ToText());
    }
    Weights proven;
    for (const auto& step : LineageSteps(ledger)) {
      proven.AddStep(step.generation(), step.step());
    }
    if (proven.segments != weights->segments) {
      Problem(absl::StrCat("its weights were trained as [", weights->ToText(),
                           "], the ledger proves [", proven.ToText(), "]"));
    }
    if (weights->parent != ParentWeights()) {
      Problem("its weights did not start from its parent's");
    }
  }

  std::string ParentWeights() {
    v1::Checkpoint parent;
    const auto bytes = store_.Get(
        table::kCheckpoints,
        CheckpointKey(checkpoint_.stream(), std::max(checkpoint_.parent(), 0)));
    if (checkpoint_.parent() < 0) return "none";
    if (!bytes.ok() || !parent.ParseFromString(*bytes)) return "missing";
    for (const v1::CheckpointFile& file : parent.files()) {
      if (file.name() == kWeightsFile) return file.digest();
    }
    return "missing";
  }

  void Problem(std::string text) { problems_.push_back(std::move(text)); }

  const v1::Checkpoint& checkpoint_;
  Store& store_;
  BlobStore& blobs_;
  NamedFiles files_;
  storage::v1::PhaseRecord record_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> CheckpointProblems(const v1::Checkpoint& checkpoint,
                                            Store& store, BlobStore& blobs) {
  return FilesChecker(checkpoint, store, blobs).Check();
}

}  // namespace keel::testing
