// Readings of the state: what users are shown, and what the planner decides
// by. Pure.
#ifndef KEEL_COORDINATOR_SERVICES_STATE_VIEWS_H_
#define KEEL_COORDINATOR_SERVICES_STATE_VIEWS_H_

#include <string>

#include "absl/time/time.h"
#include "coordinator/core/planner.h"
#include "coordinator/services/cluster_state.h"
#include "google/protobuf/timestamp.pb.h"

namespace keel {

google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

v1::Stream ShowStream(const StreamState& stream);
v1::Phase ShowPhase(const PhaseState& phase);
v1::Worker ShowWorker(const WorkerState& worker);
ClusterView ViewOf(const ClusterState& state);

// Number of the newest phase that is published; 0: none is.
int NewestPublishedPhase(const StreamState& stream);
// The checkpoint that a phase starts from while `published_phase` is the
// newest one (-1: random weights): that one, but for method joint, which
// starts where the stream started.
int ParentAfter(const v1::StreamConfig& config, int published_phase);

// True once the result is uploaded and the ledger holds every step of it.
bool IsTrained(const PhaseState& phase);
// Files of a checkpoint that is published or, for the phase that is being
// evaluated, uploaded. Null: there is none (random weights, or not yet).
const google::protobuf::RepeatedPtrField<v1::CheckpointFile>* FilesOf(
    const StreamState& stream, int checkpoint);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_STATE_VIEWS_H_
