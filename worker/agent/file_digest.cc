#include "worker/agent/file_digest.h"

#include <algorithm>
#include <cstdint>

#include "common/file_system.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr int64_t kBlock = 1 << 20;

}  // namespace

absl::Status UpdateFromFile(const std::string& path,
                            const absl::Notification& stop, Sha256& hash) {
  KEEL_ASSIGN_OR_RETURN(auto file, RandomAccessFile::Open(path));
  for (int64_t offset = 0; offset < file->size(); offset += kBlock) {
    if (stop.HasBeenNotified()) return absl::CancelledError("stopped");
    KEEL_ASSIGN_OR_RETURN(
        const std::string block,
        file->Read(offset, std::min(kBlock, file->size() - offset)));
    hash.Update(block);
  }
  return absl::OkStatus();
}

}  // namespace keel
