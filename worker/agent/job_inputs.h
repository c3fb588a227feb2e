// Brings what a job needs onto this machine before it starts.
#ifndef KEEL_WORKER_AGENT_JOB_INPUTS_H_
#define KEEL_WORKER_AGENT_JOB_INPUTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/status_macros.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/checkpoint.pb.h"
#include "keel/v1/worker.pb.h"
#include "worker/agent/blob_cache.h"
#include "worker/seam/job.h"

namespace keel {

// Files stay on the disk as long as this object lives. Not thread-safe;
// blocks. Errors as BlobCache::Get.
class JobInputs {
 public:
  JobInputs(BlobCache& cache, const absl::Notification& stop,
            BlobCache::OnBytes on_bytes = {})
      : cache_(cache), stop_(stop), on_bytes_(std::move(on_bytes)) {}

  absl::StatusOr<std::vector<LocalFile>> Files(
      const google::protobuf::RepeatedPtrField<v1::CheckpointFile>& files);
  absl::StatusOr<storage::v1::PhasePlan> Plan(const std::string& digest,
                                              int64_t size_bytes);
  absl::StatusOr<storage::v1::ChunkIndex> Index(const std::string& digest,
                                                int64_t size_bytes);
  // Those that the set holds out.
  absl::StatusOr<std::vector<SampleList>> Samples(const v1::ProbeSet& set);

 private:
  absl::StatusOr<std::string> Bytes(const std::string& digest,
                                    int64_t size_bytes);
  template <typename Message>
  absl::StatusOr<Message> Parse(const std::string& digest, int64_t size_bytes) {
    KEEL_ASSIGN_OR_RETURN(const std::string bytes, Bytes(digest, size_bytes));
    Message message;
    if (message.ParseFromString(bytes)) return message;
    return absl::InvalidArgumentError(
        absl::StrCat("blob ", digest, " is no ", message.GetTypeName()));
  }

  BlobCache& cache_;
  const absl::Notification& stop_;
  const BlobCache::OnBytes on_bytes_;
  std::vector<std::unique_ptr<BlobCache::Pin>> pins_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_JOB_INPUTS_H_
