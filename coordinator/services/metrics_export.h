// The coordinator's gauges and what was measured of the newest phases, as
// metrics (docs/metrics.md). Run under the cluster's lock; the registry has
// its own.
#ifndef KEEL_COORDINATOR_SERVICES_METRICS_EXPORT_H_
#define KEEL_COORDINATOR_SERVICES_METRICS_EXPORT_H_

#include "common/metrics/registry.h"
#include "coordinator/services/cluster_state.h"
#include "coordinator/store/store.h"

namespace keel {

// Backlog and phase state of every stream, workers by state.
void ExportGauges(const ClusterState& state, Metrics& metrics);
// Recall, forgetting, spatial disorder and size of the stream's newest
// published phase. The series of older phases go: history is in the API.
// Reads the phase's drifts from the store.
void ExportEvaluation(const StreamState& stream, Store& store,
                      Metrics& metrics);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_METRICS_EXPORT_H_
