#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/reason.h"

namespace keel {
namespace {

absl::Status HeldByAnother(const std::string& path) {
  const auto pid = ReadFile(path);
  const auto text = pid.ok() ? absl::StripAsciiWhitespace(*pid) : "";
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        path, " is locked by another process",
                        text.empty() ? "" : absl::StrCat(" (pid ", text, ")"))),
                    {"FOLDER_IN_USE", {{"path", path}}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Acquire(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return HeldByAnother(path);
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", path));
  }
  // Only for the message of who comes next; the lock is the kernel's.
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) !=
                                   static_cast<ssize_t>(pid.size())) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return lock;
}

FileLock::~FileLock() { close(fd_); }

}  // namespace keel
