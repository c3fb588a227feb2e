// Digests of large files that an order to stop cuts short.
#ifndef KEEL_WORKER_AGENT_FILE_DIGEST_H_
#define KEEL_WORKER_AGENT_FILE_DIGEST_H_

#include <string>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "common/sha256.h"

namespace keel {

// Adds the file's bytes to `hash`. CANCELLED: `stop` was notified. Else the
// file system's errors.
absl::Status UpdateFromFile(const std::string& path,
                            const absl::Notification& stop, Sha256& hash);

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_FILE_DIGEST_H_
