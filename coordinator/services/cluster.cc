#include "coordinator/services/cluster.h"

#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/services/state_loader.h"

namespace keel {

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Load(
    Environment environment) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(environment)));
  KEEL_RETURN_IF_ERROR(
      LoadState(*cluster->environment_.store, cluster->Now(), cluster->state_));
  cluster->cluster_id_ = cluster->state_.cluster.cluster_id();
  return cluster;
}

absl::Status Cluster::Commit(ClusterState& state, const Edit& edit) {
  KEEL_RETURN_IF_ERROR(environment_.store->Commit(edit.batch_));
  for (const Edit::Effect& effect : edit.effects_) effect(state);
  Notify();
  return absl::OkStatus();
}

void Cluster::DeleteUnreferenced(const ClusterState& state,
                                 const std::vector<std::string>& digests) {
  for (const std::string& digest : digests) {
    if (state.IsReferenced(digest)) continue;
    if (absl::Status status = environment_.blobs->Delete(digest);
        !status.ok()) {
      LogWarning("a blob was not deleted",
                 {{"digest", digest}, {"error", status.ToString()}});
    }
  }
}

BlobPins::~BlobPins() {
  auto state = cluster_.Lock();
  for (const std::string& digest : digests_) {
    auto it = state->pinned_blobs.find(digest);
    if (--it->second == 0) state->pinned_blobs.erase(it);
  }
}

void BlobPins::Pin(const std::string& digest) {
  auto state = cluster_.Lock();
  ++state->pinned_blobs[digest];
  digests_.push_back(digest);
}

}  // namespace keel
