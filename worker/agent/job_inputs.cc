#include "worker/agent/job_inputs.h"

#include <utility>

#include "common/file_system.h"
#include "worker/agent/convert.h"

namespace keel {

absl::StatusOr<std::vector<LocalFile>> JobInputs::Files(
    const google::protobuf::RepeatedPtrField<v1::CheckpointFile>& files) {
  std::vector<LocalFile> local;
  for (const v1::CheckpointFile& file : files) {
    KEEL_ASSIGN_OR_RETURN(auto pin, cache_.Get(file.digest(), file.size_bytes(),
                                               stop_, on_bytes_));
    local.push_back({file.name(), pin->path()});
    pins_.push_back(std::move(pin));
  }
  return local;
}

absl::StatusOr<std::string> JobInputs::Bytes(const std::string& digest,
                                             int64_t size_bytes) {
  KEEL_ASSIGN_OR_RETURN(const auto pin,
                        cache_.Get(digest, size_bytes, stop_, on_bytes_));
  return ReadFile(pin->path());
}

absl::StatusOr<storage::v1::PhasePlan> JobInputs::Plan(
    const std::string& digest, int64_t size_bytes) {
  return Parse<storage::v1::PhasePlan>(digest, size_bytes);
}

absl::StatusOr<storage::v1::ChunkIndex> JobInputs::Index(
    const std::string& digest, int64_t size_bytes) {
  return Parse<storage::v1::ChunkIndex>(digest, size_bytes);
}

absl::StatusOr<std::vector<SampleList>> JobInputs::Samples(
    const v1::ProbeSet& set) {
  std::vector<SampleList> samples;
  if (!set.has_plan()) {
    KEEL_ASSIGN_OR_RETURN(
        const storage::v1::ChunkIndex index,
        Index(set.index().digest(), set.index().size_bytes()));
    samples.push_back(AllSamples(index));
    return samples;
  }
  KEEL_ASSIGN_OR_RETURN(const storage::v1::PhasePlan plan,
                        Plan(set.plan().digest(), set.plan().size_bytes()));
  for (const storage::v1::PlannedChunk& chunk : plan.chunks()) {
    if (chunk.probe_ordinals().empty()) continue;
    KEEL_ASSIGN_OR_RETURN(
        const storage::v1::ChunkIndex index,
        Index(chunk.index_digest(), chunk.index_size_bytes()));
    KEEL_ASSIGN_OR_RETURN(samples.emplace_back(), HeldOutSamples(chunk, index));
  }
  return samples;
}

}  // namespace keel
