#include "tests/coordinator/simulator/record_checker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/store/table_names.h"
#include "tests/coordinator/simulator/checkpoint_checker.h"

namespace keel::testing {
namespace {

using storage::v1::ChunkRecord;
using storage::v1::ClusterRecord;
using storage::v1::GenerationRecord;
using storage::v1::PhaseRecord;
using storage::v1::StreamRecord;

template <typename Record>
Record Parsed(const std::string& bytes) {
  Record record;
  record.ParseFromString(bytes);
  return record;
}

bool IsLegal(v1::Phase::State from, v1::Phase::State to) {
  const auto transitions = PhaseTransitions();
  return from == to ||
         std::any_of(transitions.begin(), transitions.end(),
                     [&](const PhaseTransition& transition) {
                       return transition.from == from && transition.to == to;
                     });
}

// A new phase waits, or has nothing to train, or cannot be read.
bool IsFirstState(v1::Phase::State state) {
  return state == v1::Phase::QUEUED || state == v1::Phase::SKIPPED ||
         state == v1::Phase::FAILED;
}

}  // namespace

void RecordChecker::Violation(const Change& change, const std::string& text) {
  truth_.violations.push_back(
      absl::StrCat(change.table, "[", change.key, "]: ", text));
}

const std::string* RecordChecker::Before(std::string_view table,
                                         const std::string& key) const {
  const auto records = before_.find(table);
  if (records == before_.end()) return nullptr;
  const auto found = records->second.find(key);
  return found == records->second.end() ? nullptr : &found->second;
}

void RecordChecker::OnCommit(const WriteBatch& batch, Store& store,
                             BlobStore* blobs) {
  for (const Change& change : batch.changes()) {
    if (change.table == table::kCluster) CheckCluster(change);
    if (change.table == table::kStreams) CheckStream(change);
    if (change.table == table::kChunks) CheckChunk(change);
    if (change.table == table::kRequests) CheckImmutable(change);
    if (change.table == table::kProbes) CheckImmutable(change);
    if (change.table == table::kPhases) CheckPhase(change);
    if (change.table == table::kGenerations) CheckGeneration(change);
    if (change.table == table::kSteps) CheckStep(change);
    if (change.table == table::kCheckpoints) {
      CheckPublished(change, store, blobs);
    }
  }
  CheckOpen();
  for (const Change& change : batch.changes()) {
    if (change.erase) {
      before_[change.table].erase(change.key);
    } else {
      before_[change.table][change.key] = change.value;
    }
  }
}

void RecordChecker::CheckImmutable(const Change& change) {
  const std::string* before = Before(change.table, change.key);
  if (change.erase || (before != nullptr && *before != change.value)) {
    Violation(change, "a record that never changes was changed");
  }
}

void RecordChecker::CheckCluster(const Change& change) {
  const std::string* bytes = Before(change.table, change.key);
  if (bytes == nullptr) return;
  const auto before = Parsed<ClusterRecord>(*bytes);
  const auto after = Parsed<ClusterRecord>(change.value);
  if (after.cluster_id() != before.cluster_id() ||
      after.last_generation() < before.last_generation() ||
      after.last_task() < before.last_task()) {
    Violation(change, "a number went back");
  }
}

void RecordChecker::CheckStream(const Change& change) {
  const std::string* bytes = Before(change.table, change.key);
  if (change.erase) Violation(change, "a stream was erased");
  if (bytes == nullptr) return;
  const auto before = Parsed<StreamRecord>(*bytes);
  const auto after = Parsed<StreamRecord>(change.value);
  if (after.stream().uid() != before.stream().uid() ||
      after.stream().config().SerializeAsString() !=
          before.stream().config().SerializeAsString()) {
    Violation(change, "a stream was created again");
  }
  if (after.stream().published_phase() < before.stream().published_phase()) {
    Violation(change, "an older phase was published");
  }
}

void RecordChecker::CheckChunk(const Change& change) {
  const std::string* bytes = Before(change.table, change.key);
  if (change.erase) return Violation(change, "a chunk was erased");
  if (bytes == nullptr) return;
  const auto before = Parsed<ChunkRecord>(*bytes);
  auto after = Parsed<ChunkRecord>(change.value);
  const int phase = before.chunk().phase();
  if (phase != 0 && phase != after.chunk().phase()) {
    Violation(change, "a chunk went into a second phase");
  }
  after.mutable_chunk()->set_phase(phase);
  if (after.SerializeAsString() != *bytes) {
    Violation(change, "more than a chunk's phase was changed");
  }
}

void RecordChecker::CheckPhase(const Change& change) {
  if (change.erase) return Violation(change, "a phase was erased");
  const auto after = Parsed<PhaseRecord>(change.value);
  const v1::Accounting& a = after.phase().accounting();
  if (a.accepted_count() != a.planned_count() + a.probe_count() +
                                a.over_probe_cap_count() + a.dropped_count()) {
    Violation(change, "the accounting does not add up");
  }
  if (const std::string* bytes = Before(change.table, change.key)) {
    return CheckTransition(change, Parsed<PhaseRecord>(*bytes), after);
  }
  if (!IsFirstState(after.phase().state())) {
    Violation(change, "a phase began in " + StateName(after.phase().state()));
  }
  if (after.phase().attempt() == 1) return;
  const std::string* previous = Before(
      change.table, PhaseKey(after.phase().stream(), after.phase().number(),
                             after.phase().attempt() - 1));
  if (previous == nullptr ||
      !IsLegal(Parsed<PhaseRecord>(*previous).phase().state(),
               v1::Phase::QUEUED)) {
    Violation(change, "an attempt began before the last one was over");
  }
}

void RecordChecker::CheckTransition(const Change& change,
                                    const PhaseRecord& before,
                                    const PhaseRecord& after) {
  const v1::Phase::State from = before.phase().state();
  const v1::Phase::State to = after.phase().state();
  if (!IsLegal(from, to)) {
    Violation(change,
              absl::StrCat("from ", StateName(from), " to ", StateName(to)));
  }
  if (after.phase().revision() <= before.phase().revision()) {
    Violation(change, "the revision did not grow");
  }
  // Only to what an earlier phase left, or for want of one, before it trains.
  const bool completed = from == v1::Phase::QUEUED && to == from &&
                         (after.previous_phase() != before.previous_phase() ||
                          before.plan_digest().empty());
  if (after.plan_digest() != before.plan_digest() && !completed) {
    Violation(change, "the plan was changed");
  }
  if (from == v1::Phase::PUBLISHED) {
    Violation(change, "a published phase was changed");
  }
  if (from != to && to == v1::Phase::FAILED) ++failed_count_;
}

void RecordChecker::CheckGeneration(const Change& change) {
  if (change.erase) return Violation(change, "a generation was erased");
  const auto after = Parsed<GenerationRecord>(change.value);
  const std::string* bytes = Before(change.table, change.key);
  if (bytes == nullptr) {
    if (after.generation() <= last_generation_) {
      Violation(change, absl::StrCat("it came after ", last_generation_));
    }
    last_generation_ = std::max(last_generation_, after.generation());
  } else {
    const auto before = Parsed<GenerationRecord>(*bytes);
    if (before.closed() || after.start_step() != before.start_step() ||
        after.parent_generation() != before.parent_generation() ||
        after.members_size() != before.members_size() ||
        after.committed_step_count() < before.committed_step_count()) {
      Violation(change, "a generation was rewritten");
    }
  }
  auto& open = open_[{after.stream(), after.phase()}];
  after.closed() ? void(open.erase(after.generation()))
                 : void(open.insert(after.generation()));
}

void RecordChecker::CheckOpen() {
  for (const auto& [phase, generations] : open_) {
    if (generations.size() < 2) continue;
    truth_.violations.push_back(absl::StrCat("phase ", phase.second, " of ",
                                             phase.first, " has two groups"));
  }
}

void RecordChecker::CheckStep(const Change& change) {
  const auto step = Parsed<storage::v1::StepRecord>(change.value);
  if (Before(change.table, change.key) != nullptr) {
    return Violation(change, "a step was recorded again");
  }
  const std::string* generation =
      Before(table::kGenerations, GenerationKey(step.generation()));
  if (generation == nullptr || Parsed<GenerationRecord>(*generation).closed()) {
    Violation(change, "a step of a generation that is closed");
  }
  const auto real = truth_.steps.find({step.generation(), step.step()});
  if (real == truth_.steps.end()) {
    return Violation(change, "that generation never trained this step");
  }
  if (real->second.hash_low() != step.hash_low() ||
      real->second.hash_high() != step.hash_high() ||
      real->second.sample_count() != step.sample_count()) {
    Violation(change, "it was another step");
  }
}

void RecordChecker::CheckPublished(const Change& change, Store& store,
                                   BlobStore* blobs) {
  if (const std::string* before = Before(change.table, change.key)) {
    if (*before != change.value) {
      Violation(change, "a published checkpoint was changed");
    }
    return;
  }
  v1::Checkpoint checkpoint;
  checkpoint.ParseFromString(change.value);
  if (blobs == nullptr) return Violation(change, "nothing can be read");
  for (const std::string& problem :
       CheckpointProblems(checkpoint, store, *blobs)) {
    Violation(change, problem);
  }
  if (checkpoint.phase() == 0) return;
  ++published_count_;
  const std::string* stream = Before(table::kStreams, checkpoint.stream());
  if (stream == nullptr ||
      Parsed<StreamRecord>(*stream).stream().published_phase() !=
          checkpoint.parent()) {
    Violation(change, "its parent is not the newest published checkpoint");
  }
}

}  // namespace keel::testing
