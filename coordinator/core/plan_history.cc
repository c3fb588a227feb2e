#include "coordinator/core/plan_history.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/config/stream_config.h"
#include "common/plan/mix.h"
#include "coordinator/core/plan_builder.h"

namespace keel {
namespace {

using storage::v1::PhasePlan;
using storage::v1::ReplayedChunk;

// Keeps this draw apart from the plan's other ones (phase_schedule.cc,
// accounting_hash.cc, plan_builder.cc).
constexpr uint64_t kReservoir = 5;

// What may go into a reservoir: all samples that a phase trained or replayed.
std::vector<ReplayedChunk> Sources(const PhasePlan& previous) {
  std::vector<ReplayedChunk> sources(previous.replay().begin(),
                                     previous.replay().end());
  for (const storage::v1::PlannedChunk& chunk : previous.chunks()) {
    ReplayedChunk& source = sources.emplace_back();
    source.set_chunk_digest(chunk.chunk_digest());
    source.set_index_digest(chunk.index_digest());
    source.set_index_size_bytes(chunk.index_size_bytes());
    source.set_chunk_size_bytes(chunk.chunk_size_bytes());
    for (int ordinal : TrainedOrdinals(chunk)) source.add_ordinals(ordinal);
  }
  return sources;
}

struct Candidate {
  uint64_t key = 0;
  size_t source = 0;
  int ordinal = 0;

  bool operator<(const Candidate& other) const {
    return std::tie(key, source, ordinal) <
           std::tie(other.key, other.source, other.ordinal);
  }
};

std::vector<Candidate> Candidates(const std::vector<ReplayedChunk>& sources,
                                  int64_t seed) {
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < sources.size(); ++i) {
    const std::string_view digest = sources[i].chunk_digest();
    for (int ordinal : sources[i].ordinals()) {
      candidates.push_back(
          {MixKey({kReservoir, static_cast<uint64_t>(seed), WordAt(digest, 0),
                   WordAt(digest, 8), static_cast<uint64_t>(ordinal)}),
           i, ordinal});
    }
  }
  return candidates;
}

void FillReservoir(const PhasePlan& previous, PhasePlan& plan) {
  std::vector<ReplayedChunk> sources = Sources(previous);
  std::vector<Candidate> kept = Candidates(sources, plan.seed());
  const auto count =
      std::min(kept.size(), static_cast<size_t>(plan.replay_samples()));
  std::nth_element(kept.begin(), kept.begin() + count, kept.end());
  kept.resize(count);
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
    return std::tie(a.source, a.ordinal) < std::tie(b.source, b.ordinal);
  });
  for (ReplayedChunk& source : sources) source.clear_ordinals();
  for (const Candidate& candidate : kept) {
    sources[candidate.source].add_ordinals(candidate.ordinal);
  }
  for (ReplayedChunk& source : sources) {
    if (source.ordinals_size() > 0) *plan.add_replay() = std::move(source);
  }
}

}  // namespace

bool NeedsHistory(const v1::MethodConfig& method) {
  return IsJoint(method) || method.replay().samples() > 0;
}

bool NeedsHistory(const PhasePlan& plan) {
  return plan.joint() || plan.replay_samples() > 0;
}

PhasePlan WithHistory(PhasePlan plan, const PhasePlan* previous) {
  plan.clear_previous_phase();
  plan.clear_earlier_chunks();
  plan.clear_replay();
  if (previous != nullptr) {
    plan.set_previous_phase(previous->phase());
    if (plan.joint()) {
      plan.mutable_earlier_chunks()->MergeFrom(previous->earlier_chunks());
      plan.mutable_earlier_chunks()->MergeFrom(previous->chunks());
    }
    if (plan.replay_samples() > 0) FillReservoir(*previous, plan);
  }
  int64_t samples = 0;
  for (const auto* chunk : PlannedChunks(plan)) {
    samples += static_cast<int64_t>(TrainedOrdinals(*chunk).size());
  }
  plan.set_sample_count(samples);
  plan.set_step_count(StepCountOf(plan));
  return plan;
}

}  // namespace keel
