// Reads the stored records at start.
#ifndef KEEL_COORDINATOR_SERVICES_STATE_LOADER_H_
#define KEEL_COORDINATOR_SERVICES_STATE_LOADER_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/services/cluster_state.h"
#include "coordinator/store/store.h"

namespace keel {

// Fills `state`; an empty store gets a fresh cluster id. Groups that were open
// are there again, for their members to come back to; their rendezvous is
// closed, for its keys are lost. DATA_LOSS: a record does not parse.
// FAILED_PRECONDITION: the store is of a newer Keel.
absl::Status LoadState(Store& store, absl::Time now, ClusterState& state);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_STATE_LOADER_H_
