#include "coordinator/services/cluster_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/reason.h"

namespace keel {
namespace {

template <typename Files>
bool Names(const Files& files, const std::string& digest) {
  return std::any_of(files.begin(), files.end(),
                     [&](const auto& file) { return file.digest() == digest; });
}

bool Names(const storage::v1::PhaseRecord& record, const std::string& digest) {
  return record.plan_digest() == digest ||
         Names(record.result_files(), digest) ||
         std::any_of(
             record.resume_points().begin(), record.resume_points().end(),
             [&](const auto& point) { return Names(point.files(), digest); });
}

bool Names(const StreamState& stream, const std::string& digest) {
  if (stream.chunk_numbers.contains(digest) ||
      Names(stream.record.initial_files(), digest)) {
    return true;
  }
  for (const auto& [number, phase] : stream.phases) {
    if (Names(phase.record, digest)) return true;
  }
  for (const auto& [number, checkpoint] : stream.checkpoints) {
    if (Names(checkpoint.files(), digest)) return true;
  }
  return std::any_of(
      stream.chunks.begin(), stream.chunks.end(),
      [&](const auto& entry) { return entry.second.index_digest() == digest; });
}

}  // namespace

absl::StatusOr<StreamState*> ClusterState::FindStream(const std::string& name) {
  auto it = streams.find(name);
  if (it != streams.end()) return &it->second;
  return WithReason(
      absl::NotFoundError(absl::StrCat("there is no stream \"", name, "\"")),
      {"STREAM_NOT_FOUND", {{"stream", name}}});
}

absl::StatusOr<PhaseState*> ClusterState::FindPhase(const std::string& stream,
                                                    int number) {
  absl::StatusOr<StreamState*> found = FindStream(stream);
  if (!found.ok()) return found.status();
  auto it = (*found)->phases.find(number);
  if (it != (*found)->phases.end()) return &it->second;
  return WithReason(absl::NotFoundError(absl::StrCat("stream ", stream,
                                                     " has no phase ", number)),
                    {"PHASE_NOT_FOUND",
                     {{"stream", stream}, {"phase", absl::StrCat(number)}}});
}

PhaseState* ClusterState::FindGroup(const std::string& stream, int phase,
                                    int64_t generation) {
  absl::StatusOr<PhaseState*> found = FindPhase(stream, phase);
  if (!found.ok() || generation == 0) return nullptr;
  const GroupState& group = (*found)->group;
  return group.generation == generation && !group.closed ? *found : nullptr;
}

void ClusterState::Send(const std::string& worker_id,
                        v1::CoordinatorMessage message) {
  auto it = workers.find(worker_id);
  if (it == workers.end() || !it->second.attached()) return;
  it->second.sink->Send(std::move(message));
}

std::set<std::string> ClusterState::ReferencedBlobs() const {
  std::set<std::string> digests;
  const auto add = [&digests](const auto& files) {
    for (const auto& file : files) digests.insert(file.digest());
  };
  for (const auto& [digest, count] : pinned_blobs) digests.insert(digest);
  for (const auto& [id, upload] : uploads) add(upload.files());
  for (const auto& [name, stream] : streams) {
    add(stream.record.initial_files());
    for (const auto& [number, chunk] : stream.chunks) {
      digests.insert({chunk.chunk().digest(), chunk.index_digest()});
    }
    for (const auto& [number, phase] : stream.phases) {
      digests.insert(phase.record.plan_digest());
      add(phase.record.result_files());
      for (const auto& point : phase.record.resume_points()) add(point.files());
    }
    for (const auto& [number, checkpoint] : stream.checkpoints) {
      add(checkpoint.files());
    }
  }
  return digests;
}

bool ClusterState::IsReferenced(const std::string& digest) const {
  if (pinned_blobs.contains(digest)) return true;
  for (const auto& [id, upload] : uploads) {
    if (Names(upload.files(), digest)) return true;
  }
  return std::any_of(streams.begin(), streams.end(), [&](const auto& entry) {
    return Names(entry.second, digest);
  });
}

}  // namespace keel
