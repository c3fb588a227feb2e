#include "common/posix_calls.h"

#include <fcntl.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/reason.h"

namespace keel {

absl::Status FailedCall(const char* what, const std::string& path, int error) {
  absl::Status status =
      absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
  const bool blames_the_path = error == EISDIR || error == ENAMETOOLONG;
  if (!blames_the_path &&
      (absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status) ||
       absl::IsUnimplemented(status))) {
    status = absl::InternalError(status.message());
  }
  const bool full = error == ENOSPC || error == EDQUOT;
  return full ? WithReason(status, {"DISK_FULL", {{"path", path}}}) : status;
}

int OpenRetrying(const std::string& path, int flags) {
  int fd;
  do {
    fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

absl::Status WriteAll(int fd, std::string_view data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t written = write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FailedCall("write", path);
    data.remove_prefix(written);
  }
  return absl::OkStatus();
}

}  // namespace keel
