#include "coordinator/services/cluster.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/services/state_loader.h"
#include "coordinator/services/state_views.h"

namespace keel {

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Load(
    Environment environment) {
  std::unique_ptr<Cluster> cluster(new Cluster(std::move(environment)));
  auto state = cluster->Lock();
  KEEL_RETURN_IF_ERROR(
      LoadState(*cluster->environment_.store, cluster->Now(), *state));
  cluster->cluster_id_ = state->cluster.cluster_id();
  return cluster;
}

absl::Status Cluster::Commit(ClusterState& state, const Edit& edit) {
  ReachCommit(edit.fact_, "before");
  const absl::Status status = environment_.store->Commit(edit.batch_);
  if (absl::IsInternal(status) || absl::IsDataLoss(status)) {
    LogError("the database failed", {{"error", status.ToString()}});
    if (environment_.on_fatal) environment_.on_fatal(status);
  }
  KEEL_RETURN_IF_ERROR(status);
  ReachCommit(edit.fact_, "after");
  for (const Edit::Effect& effect : edit.effects_) effect(state);
  Notify();
  return absl::OkStatus();
}

absl::Status Cluster::ForgetOldUploads(absl::Duration age) {
  const absl::Time before = Now() - age;
  KEEL_ASSIGN_OR_RETURN(const int partials,
                        environment_.blobs->RemovePartials(before));
  auto state = Lock();
  Edit edit = NewEdit(durable::kForgetUploads);
  std::vector<std::string> digests;
  for (const auto& [id, upload] : state->uploads) {
    if (FromTimestamp(upload.upload_time()) >= before) continue;
    edit.EraseUpload(id);
    for (const auto& file : upload.files()) digests.push_back(file.digest());
  }
  if (!digests.empty()) {
    KEEL_RETURN_IF_ERROR(Commit(*state, edit));
    DeleteUnreferenced(*state, digests);
  }
  if (partials > 0 || !digests.empty()) {
    LogInfo("removed old uploads",
            {{"unfinished", absl::StrCat(partials)},
             {"files_of_checkpoints", absl::StrCat(digests.size())}});
  }
  return absl::OkStatus();
}

absl::Status Cluster::Sweep(absl::Duration age) {
  KEEL_RETURN_IF_ERROR(ForgetOldUploads(age));
  KEEL_ASSIGN_OR_RETURN(std::vector<std::string> digests,
                        environment_.blobs->List());
  auto state = Lock();
  const std::set<std::string> needed = state->ReferencedBlobs();
  std::erase_if(digests, [&](const auto& d) { return needed.contains(d); });
  DeleteUnreferenced(*state, digests);
  if (!digests.empty()) {
    LogInfo("removed what nobody needs",
            {{"blobs", absl::StrCat(digests.size())}});
  }
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
  if (!keep_) cluster_.DeleteUnreferenced(*state, digests_);
}

void BlobPins::Pin(const std::string& digest) {
  auto state = cluster_.Lock();
  ++state->pinned_blobs[digest];
  digests_.push_back(digest);
}

}  // namespace keel
