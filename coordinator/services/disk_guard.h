// Refuses uploads before the disk is full, so that the database can always
// write. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_DISK_GUARD_H_
#define KEEL_COORDINATOR_SERVICES_DISK_GUARD_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/cluster.h"

namespace keel {

// RESOURCE_EXHAUSTED (DISK_LOW): `bytes` more would leave less free than
// env.min_free_bytes.
inline absl::Status CheckFreeDisk(const Environment& env, int64_t bytes) {
  KEEL_ASSIGN_OR_RETURN(const int64_t free_bytes, env.blobs->FreeBytes());
  if (free_bytes - bytes >= env.min_free_bytes) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        "an upload of ", bytes, " bytes would leave less than ",
                        env.min_free_bytes, " of ", free_bytes, " free bytes")),
                    {"DISK_LOW", {{"free_bytes", absl::StrCat(free_bytes)}}});
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_DISK_GUARD_H_
