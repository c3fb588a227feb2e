#include "coordinator/core/plan_builder.h"

#include <cstdint>

#include "common/config/stream_config.h"
#include "common/plan/mix.h"
#include "common/plan/phase_schedule.h"

namespace keel {
namespace {

// Keeps this draw apart from the plan's other ones (phase_schedule.cc,
// accounting_hash.cc).
constexpr uint64_t kProbe = 4;

storage::v1::PlannedChunk* AddChunk(const IndexedChunkRef& source,
                                    storage::v1::PhasePlan& plan) {
  storage::v1::PlannedChunk* chunk = plan.add_chunks();
  chunk->set_chunk_digest(source.record.chunk().digest());
  chunk->set_chunk_size_bytes(source.record.chunk().size_bytes());
  chunk->set_index_digest(source.record.index_digest());
  chunk->set_index_size_bytes(source.record.index_size_bytes());
  chunk->set_accepted_count(source.index.samples_size());
  return chunk;
}

// Shares the chunk's samples out between training and the probe set.
void Divide(const storage::v1::ChunkIndex& index, const v1::ProbeConfig& config,
            storage::v1::PlannedChunk& chunk, v1::Accounting& accounting) {
  for (int i = 0; i < index.samples_size(); ++i) {
    if (!IsProbe(index.samples(i).image_digest(), config.fraction())) continue;
    if (accounting.probe_count() < config.max_per_phase()) {
      chunk.add_probe_ordinals(i);
      accounting.set_probe_count(accounting.probe_count() + 1);
    } else {
      chunk.add_over_cap_ordinals(i);
      accounting.set_over_probe_cap_count(accounting.over_probe_cap_count() +
                                          1);
    }
  }
  accounting.set_accepted_count(accounting.accepted_count() +
                                index.samples_size());
}

}  // namespace

bool IsProbe(std::string_view image_digest, double fraction) {
  const uint64_t draw = MixKey({kProbe, WordAt(image_digest, 0)});
  // The upper 53 bits fill a double's mantissa exactly.
  return static_cast<double>(draw >> 11) * 0x1p-53 < fraction;
}

BuiltPlan BuildPlan(const v1::Stream& stream, int phase,
                    const std::vector<IndexedChunkRef>& chunks) {
  const v1::TrainConfig& train = stream.config().train();
  BuiltPlan built;
  storage::v1::PhasePlan& plan = built.plan;
  plan.set_stream_uid(stream.uid());
  plan.set_phase(phase);
  plan.set_seed(train.seed());
  plan.set_epochs(train.epochs());
  plan.set_global_batch(train.global_batch());
  plan.set_drop_last(train.drop_last());
  const v1::MethodConfig& method = stream.config().method();
  plan.set_joint(IsJoint(method));
  plan.set_replay_samples(method.replay().samples());
  plan.set_replay_per_batch(method.replay().per_batch());
  for (const IndexedChunkRef& source : chunks) {
    Divide(source.index, stream.config().probe(), *AddChunk(source, plan),
           built.accounting);
  }
  v1::Accounting& accounting = built.accounting;
  const int64_t rest = accounting.accepted_count() - accounting.probe_count() -
                       accounting.over_probe_cap_count();
  plan.set_sample_count(rest);
  accounting.set_planned_count(rest);
  plan.set_step_count(StepCountOf(plan));
  return built;
}

std::vector<int> TrainedOrdinals(const storage::v1::PlannedChunk& chunk) {
  std::vector<int> ordinals;
  int probe = 0, over_cap = 0;
  for (int i = 0; i < chunk.accepted_count(); ++i) {
    if (probe < chunk.probe_ordinals_size() &&
        chunk.probe_ordinals(probe) == i) {
      ++probe;
    } else if (over_cap < chunk.over_cap_ordinals_size() &&
               chunk.over_cap_ordinals(over_cap) == i) {
      ++over_cap;
    } else {
      ordinals.push_back(i);
    }
  }
  return ordinals;
}

std::vector<const storage::v1::PlannedChunk*> PlannedChunks(
    const storage::v1::PhasePlan& plan) {
  std::vector<const storage::v1::PlannedChunk*> chunks;
  for (const auto* part : {&plan.chunks(), &plan.earlier_chunks()}) {
    for (const storage::v1::PlannedChunk& chunk : *part) {
      chunks.push_back(&chunk);
    }
  }
  return chunks;
}

int64_t ReplayCount(const storage::v1::PhasePlan& plan) {
  int64_t count = 0;
  for (const auto& chunk : plan.replay()) count += chunk.ordinals_size();
  return count;
}

int64_t StepCountOf(const storage::v1::PhasePlan& plan) {
  const auto schedule = ScheduleOf(plan);
  return schedule.ok() ? schedule->step_count() : 0;
}

absl::StatusOr<PhaseSchedule> ScheduleOf(const storage::v1::PhasePlan& plan) {
  return PhaseSchedule::Create({.seed = plan.seed(),
                                .phase = plan.phase(),
                                .sample_count = plan.sample_count(),
                                .global_batch = plan.global_batch(),
                                .epochs = plan.epochs(),
                                .drop_last = plan.drop_last(),
                                .replay_count = ReplayCount(plan),
                                .replay_per_batch = plan.replay_per_batch()});
}

}  // namespace keel
