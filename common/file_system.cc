#include "common/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/posix_calls.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr size_t kReadBlock = 1 << 20;

// Calls `use` with each block of the file, to its end.
template <typename Use>
absl::Status ForEachBlock(const std::string& path, Use use) {
  const int fd = OpenRetrying(path, O_RDONLY);
  if (fd < 0) return FailedCall("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  std::string block(kReadBlock, '\0');
  while (true) {
    const ssize_t got = read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailedCall("read", path);
    if (got == 0) return absl::OkStatus();
    use(std::string_view(block.data(), got));
  }
}

absl::Status WriteAndSync(const std::string& path, std::string_view data) {
  const int fd = OpenRetrying(path, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0) return FailedCall("create", path);
  absl::Cleanup closer = [fd] { close(fd); };
  KEEL_RETURN_IF_ERROR(WriteAll(fd, data, path));
  if (fsync(fd) != 0) return FailedCall("sync", path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::string data;
  KEEL_RETURN_IF_ERROR(
      ForEachBlock(path, [&](std::string_view block) { data += block; }));
  return data;
}

absl::Status WriteFileAtomically(const std::string& path,
                                 std::string_view data) {
  const std::string temporary = absl::StrCat(path, ".", RandomId(), ".tmp");
  absl::Status status = WriteAndSync(temporary, data);
  if (status.ok()) status = RenameDurably(temporary, path);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

absl::Status RenameDurably(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) {
    return FailedCall("rename", absl::StrCat(from, " to ", to));
  }
  KEEL_RETURN_IF_ERROR(SyncDirectory(ParentFolder(to)));
  if (ParentFolder(from) == ParentFolder(to)) return absl::OkStatus();
  return SyncDirectory(ParentFolder(from));
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = OpenRetrying(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return FailedCall("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  return fsync(fd) == 0 ? absl::OkStatus() : FailedCall("sync", path);
}

absl::Status CreateDirectories(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) {
    return S_ISDIR(info.st_mode) ? absl::OkStatus()
                                 : FailedCall("create folder", path, EEXIST);
  }
  if (errno != ENOENT) return FailedCall("create folder", path);
  const std::string parent = ParentFolder(path);
  // "a/" has the parent "a".
  if (parent != path) KEEL_RETURN_IF_ERROR(CreateDirectories(parent));
  if (mkdir(path.c_str(), 0755) != 0) {
    // Another process may have been first, or the path ends in a slash.
    return errno == EEXIST ? absl::OkStatus()
                           : FailedCall("create folder", path);
  }
  return SyncDirectory(parent);
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return FailedCall("remove", path);
}

absl::Status RemoveRecursively(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? FailedCall("remove", path, error.value()) : absl::OkStatus();
}

bool FileExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

absl::StatusOr<int64_t> FileSize(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return FailedCall("stat", path);
  return static_cast<int64_t>(info.st_size);
}

absl::StatusOr<absl::Time> ModificationTime(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return FailedCall("stat", path);
  return absl::TimeFromTimespec(info.st_mtim);
}

absl::StatusOr<std::vector<std::string>> ListDirectory(
    const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  while (!error && entry != std::filesystem::directory_iterator()) {
    names.push_back(entry->path().filename());
    entry.increment(error);
  }
  if (error) return FailedCall("list", path, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) return FailedCall("stat", path);
  return static_cast<int64_t>(info.f_bavail) *
         static_cast<int64_t>(info.f_frsize);
}

absl::StatusOr<std::string> FileSha256Hex(const std::string& path) {
  Sha256 digest;
  KEEL_RETURN_IF_ERROR(ForEachBlock(
      path, [&](std::string_view block) { digest.Update(block); }));
  return ToHex(digest.Finish());
}

std::string ParentFolder(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

std::string JoinPath(std::string_view a, std::string_view b) {
  std::string path(a);
  if (!path.empty() && path.back() != '/') path += '/';
  return path += b;
}

}  // namespace keel
