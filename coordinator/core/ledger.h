// The proof that each accepted sample was trained as often as promised.
// Pure: everything is recomputed from the plan and the chunks' indexes.
#ifndef KEEL_COORDINATOR_CORE_LEDGER_H_
#define KEEL_COORDINATOR_CORE_LEDGER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "common/plan/phase_schedule.h"
#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/phase.pb.h"

namespace keel {

// What the ledger holds of one phase's published lineage.
struct PhaseLedger {
  storage::v1::PhasePlan plan;
  // The plan of the newest published phase before it, if there is one and the
  // plan takes from earlier phases.
  std::optional<storage::v1::PhasePlan> previous_plan;
  // By position in PlannedChunks(plan).
  std::vector<storage::v1::ChunkIndex> indexes;
  // The samples of plan.replay, in order.
  std::vector<storage::v1::SampleIndex> replayed;
  v1::Accounting accounting;
  // Generations of this attempt, any order, superseded ones too.
  std::vector<storage::v1::GenerationRecord> generations;
  // Generation that delivered the result.
  int64_t final_generation = 0;
  // Steps of all generations, any order.
  std::vector<storage::v1::StepRecord> steps;
};

// The steps of one generation that are in the lineage.
struct LineageSegment {
  int64_t generation = 0;
  Slice steps;
};

// The lineage in order of its steps, following parent_generation from
// `final_generation` back. The last segment's end is open.
std::vector<LineageSegment> Lineage(
    const std::vector<storage::v1::GenerationRecord>& generations,
    int64_t final_generation);

// The lineage's records: for each step of the phase the record of the
// generation whose segment holds it, in order. Steps that are missing are
// absent.
std::vector<storage::v1::StepRecord> LineageSteps(const PhaseLedger& ledger);

// Checks that the plan follows from the previous one, that the lineage has
// every step once, that each step's hash sum is the plan's less the struck
// samples, and that the counts add up. `give_up` is asked between steps; once
// it says true the verdict is of no use.
v1::LedgerVerdict VerifyPhase(
    const PhaseLedger& ledger,
    const std::function<bool()>& give_up = [] { return false; });

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_LEDGER_H_
