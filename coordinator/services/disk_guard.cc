#include "coordinator/services/disk_guard.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"

namespace keel {

void DiskGuard::Room::Use(int64_t bytes) {
  const int64_t used = std::min(bytes, bytes_);
  bytes_ -= used;
  absl::MutexLock lock(&guard_.mu_);
  guard_.reserved_bytes_ -= used;
}

absl::StatusOr<std::unique_ptr<DiskGuard::Room>> DiskGuard::Reserve(
    int64_t bytes) {
  absl::MutexLock lock(&mu_);
  KEEL_ASSIGN_OR_RETURN(const int64_t on_disk, blobs_->FreeBytes());
  const int64_t free_bytes = on_disk - reserved_bytes_;
  if (free_bytes - bytes >= min_free_bytes_) {
    reserved_bytes_ += bytes;
    return std::make_unique<Room>(*this, bytes);
  }
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        "an upload of ", bytes, " bytes would leave less than ",
                        min_free_bytes_, " of ", free_bytes, " free bytes")),
                    {"DISK_LOW", {{"free_bytes", absl::StrCat(free_bytes)}}});
}

}  // namespace keel
