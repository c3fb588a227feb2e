// What workers and users upload beside chunks: results, resume points, initial
// weights. Thread-safe; takes the cluster's lock.
#ifndef KEEL_COORDINATOR_SERVICES_ARTIFACTS_H_
#define KEEL_COORDINATOR_SERVICES_ARTIFACTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/services/cluster.h"

namespace keel {

class Artifacts {
 public:
  // Resume points that a phase keeps.
  static constexpr int kResumePoints = 2;

  // `cluster` outlives it.
  explicit Artifacts(Cluster& cluster) : cluster_(cluster) {}

  // Whether an upload may start. ABORTED (STALE_GENERATION,
  // CLUSTER_MISMATCH): the sender is not of the phase's present group.
  absl::Status Check(const v1::ArtifactHeader& header);
  // Records files that are durable blobs, pinned by the caller. Fenced again:
  // the group may have broken meanwhile. Repeating it has no further effect.
  // INVALID_ARGUMENT: the last file is no manifest, or a wrong step count.
  absl::Status Accept(const v1::ArtifactHeader& header,
                      const std::vector<v1::CheckpointFile>& files);
  // Records an uploaded checkpoint and returns its id, which follows from the
  // files.
  absl::StatusOr<std::string> AcceptCheckpoint(
      const std::vector<v1::CheckpointFile>& files);

 private:
  using Files = std::vector<v1::CheckpointFile>;

  absl::StatusOr<PhaseState*> Fence(ClusterState& state,
                                    const v1::ArtifactHeader& header);
  absl::Status AcceptResult(ClusterState& state, const PhaseState& phase,
                            const v1::ArtifactHeader& header,
                            const Files& files);
  absl::Status AcceptResumePoint(ClusterState& state, const PhaseState& phase,
                                 const v1::ArtifactHeader& header,
                                 const Files& files);
  absl::Status AcceptInitial(ClusterState& state,
                             const v1::ArtifactHeader& header,
                             const Files& files);

  Cluster& cluster_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_ARTIFACTS_H_
