// Brings together what the ledger holds of a phase.
#ifndef KEEL_COORDINATOR_SERVICES_LEDGER_READER_H_
#define KEEL_COORDINATOR_SERVICES_LEDGER_READER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/ledger.h"
#include "coordinator/services/cluster.h"

namespace keel {

// The steps of the phase's present lineage, from the store.
absl::StatusOr<std::vector<storage::v1::StepRecord>> ReadLineage(
    Store& store, const PhaseState& phase);

// The same of a phase by its name. Takes the cluster's lock only to find what
// to read. NOT_FOUND: no such stream or phase.
absl::StatusOr<std::vector<storage::v1::StepRecord>> ReadLineage(
    Cluster& cluster, const std::string& stream, int number);

// The verdicts on one phase of a stream, or on all that were trained
// (`number` 0). Takes the cluster's lock only to find what to read.
// FAILED_PRECONDITION: the phase has not been trained yet. DATA_LOSS: a plan
// or an index is damaged.
absl::StatusOr<std::vector<v1::LedgerVerdict>> VerifyLedger(
    Cluster& cluster, const std::string& stream, int number);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_LEDGER_READER_H_
