// A change of durable records: what goes to the store, and what is done to
// the state in memory once it is there. Not thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_EDIT_H_
#define KEEL_COORDINATOR_SERVICES_EDIT_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/services/cluster_state.h"
#include "coordinator/store/store.h"

namespace keel {

class Edit {
 public:
  // `fact` is one of keel::durable (store/crash_point.h).
  Edit(std::string_view fact, absl::Time now) : fact_(fact), now_(now) {}

  absl::Time now() const { return now_; }

  void PutCluster(storage::v1::ClusterRecord record);
  void PutUpload(storage::v1::UploadRecord record);
  void EraseUpload(const std::string& id);
  void PutStream(storage::v1::StreamRecord record);
  void PutChunk(storage::v1::ChunkRecord record);
  // What a request id was used for in a stream.
  void PutRequest(const std::string& stream, const std::string& request_id,
                  const std::string& effect);
  void PutProbe(storage::v1::ProbeRecord record);
  // Gives the phase its next revision. A new attempt drops what belonged to
  // the one before.
  void PutPhase(storage::v1::PhaseRecord record);
  void PutGeneration(storage::v1::GenerationRecord record);
  void PutStep(const storage::v1::StepRecord& record);
  void PutTask(storage::v1::TaskRecord record);
  void EraseTask(const std::string& task_id);
  void PutCheckpoint(v1::Checkpoint checkpoint);
  void PutRecall(const std::string& stream, v1::Recall recall);
  void PutDrift(const std::string& stream, const v1::Drift& drift);
  void EraseRecall(const std::string& stream, const v1::Recall& recall);
  void EraseDrift(const std::string& stream, const v1::Drift& drift);

 private:
  friend class Cluster;
  using Effect = std::function<void(ClusterState&)>;

  const std::string_view fact_;
  const absl::Time now_;
  WriteBatch batch_;
  std::vector<Effect> effects_;
};

// What PutChunk and PutPhase do in memory, for loading too.
void InstallChunk(ClusterState& state, const storage::v1::ChunkRecord& record);
void InstallPhase(ClusterState& state, const storage::v1::PhaseRecord& record);

// A revision above `previous`, and above every one that a coordinator of this
// state has told before it was restarted: revisions that come with progress
// are not stored, so they follow the clock.
int64_t NextRevision(int64_t previous, absl::Time now);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_EDIT_H_
