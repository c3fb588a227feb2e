// Makes the plan of a phase from its chunks' indexes: what is held out, what
// is trained, in how many steps. Pure.
#ifndef KEEL_COORDINATOR_CORE_PLAN_BUILDER_H_
#define KEEL_COORDINATOR_CORE_PLAN_BUILDER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/phase_schedule.h"
#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/phase.pb.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// A chunk with its index.
struct IndexedChunkRef {
  storage::v1::ChunkRecord record;
  storage::v1::ChunkIndex index;
};

struct BuiltPlan {
  storage::v1::PhasePlan plan;
  v1::Accounting accounting;
};

// True if the sample is held out: a hash of its image's digest falls below
// `fraction`. Depends on the image alone, so that an image sent twice stands
// on one side.
bool IsProbe(std::string_view image_digest, double fraction);

// `chunks` in order. What is not held out is planned, also with drop_last: that
// leaves touches out, other ones in each epoch, and not samples. What earlier
// phases add is not in it yet (plan_history.h).
BuiltPlan BuildPlan(const v1::Stream& stream, int phase,
                    const std::vector<IndexedChunkRef>& chunks);

// The ordinals of a planned chunk's trained samples, in order.
std::vector<int> TrainedOrdinals(const storage::v1::PlannedChunk& chunk);

// The chunks of the planned samples, in order: `chunks`, then
// `earlier_chunks`. They live as long as the plan.
std::vector<const storage::v1::PlannedChunk*> PlannedChunks(
    const storage::v1::PhasePlan& plan);

// Samples in the plan's reservoir.
int64_t ReplayCount(const storage::v1::PhasePlan& plan);

// 0 if it cannot train a single step: it has no samples, or with drop_last not
// one whole batch of them.
int64_t StepCountOf(const storage::v1::PhasePlan& plan);

// Errors as PhaseSchedule::Create.
absl::StatusOr<PhaseSchedule> ScheduleOf(const storage::v1::PhasePlan& plan);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_PLAN_BUILDER_H_
