// Brings together what the ledger holds of a phase.
#ifndef KEEL_COORDINATOR_SERVICES_LEDGER_READER_H_
#define KEEL_COORDINATOR_SERVICES_LEDGER_READER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/ledger.h"
#include "coordinator/services/cluster.h"

namespace keel {

// Where the steps of the phase's present lineage are.
std::vector<LineageSegment> LineageOf(const PhaseState& phase);

// Gives the steps of a lineage from `begin` on to `visit`, in order, until it
// says false; steps that are missing are passed over. Reads some at a time, and
// needs no lock. DATA_LOSS: a record is damaged.
absl::Status VisitSteps(
    Store& store, const std::vector<LineageSegment>& lineage, int64_t begin,
    const std::function<bool(storage::v1::StepRecord)>& visit);

// At most `limit` steps of a phase's present lineage, from `begin` on. Takes
// the cluster's lock only to find what to read. NOT_FOUND: no such stream or
// phase.
absl::StatusOr<std::vector<storage::v1::StepRecord>> ReadSteps(
    Cluster& cluster, const std::string& stream, int number, int64_t begin,
    int limit);

// The verdicts on one phase of a stream, or on all that were trained
// (`number` 0). Takes the cluster's lock only to find what to read.
// FAILED_PRECONDITION: the phase has not been trained yet. DATA_LOSS: a plan
// or an index is damaged. CANCELLED: `give_up`, asked between steps, said true.
absl::StatusOr<std::vector<v1::LedgerVerdict>> VerifyLedger(
    Cluster& cluster, const std::string& stream, int number,
    const std::function<bool()>& give_up = [] { return false; });

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_LEDGER_READER_H_
