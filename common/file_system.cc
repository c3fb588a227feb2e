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
#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr size_t kReadBlock = 1 << 20;

absl::Status Failed(const char* what, const std::string& path,
                    int error = errno) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
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
    if (written < 0) return Failed("write", path);
    data.remove_prefix(written);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SizeOf(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return Failed("stat", path);
  return static_cast<int64_t>(info.st_size);
}

// Calls `use` with each block of the file, to its end.
template <typename Use>
absl::Status ForEachBlock(const std::string& path, Use use) {
  const int fd = OpenRetrying(path, O_RDONLY);
  if (fd < 0) return Failed("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  std::string block(kReadBlock, '\0');
  while (true) {
    const ssize_t got = read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path);
    if (got == 0) return absl::OkStatus();
    use(std::string_view(block.data(), got));
  }
}

std::string ParentOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent;
}

absl::Status WriteAndSync(const std::string& path, std::string_view data) {
  const int fd = OpenRetrying(path, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0) return Failed("create", path);
  absl::Cleanup closer = [fd] { close(fd); };
  KEEL_RETURN_IF_ERROR(WriteAll(fd, data, path));
  if (fsync(fd) != 0) return Failed("sync", path);
  return absl::OkStatus();
}

}  // namespace

AppendableFile::AppendableFile(std::string path, int fd, int64_t size)
    : path_(std::move(path)), fd_(fd), size_(size) {}

AppendableFile::~AppendableFile() { close(fd_); }

absl::StatusOr<std::unique_ptr<AppendableFile>> AppendableFile::Open(
    const std::string& path) {
  const int fd = OpenRetrying(path, O_WRONLY | O_CREAT | O_APPEND);
  if (fd < 0) return Failed("open", path);
  std::unique_ptr<AppendableFile> file(new AppendableFile(path, fd, 0));
  KEEL_ASSIGN_OR_RETURN(file->size_, SizeOf(fd, path));
  return file;
}

absl::Status AppendableFile::Append(std::string_view data) {
  if (absl::Status status = WriteAll(fd_, data, path_); !status.ok()) {
    // What a full disk took of it must not stand before the next try.
    if (ftruncate(fd_, size_) != 0) {
      return absl::Status(
          status.code(),
          absl::StrCat(status.message(), "; nor can it be cut back"));
    }
    return status;
  }
  size_ += static_cast<int64_t>(data.size());
  return absl::OkStatus();
}

absl::Status AppendableFile::Sync() {
  return fsync(fd_) == 0 ? absl::OkStatus() : Failed("sync", path_);
}

RandomAccessFile::RandomAccessFile(std::string path, int fd, int64_t size)
    : path_(std::move(path)), fd_(fd), size_(size) {}

RandomAccessFile::~RandomAccessFile() { close(fd_); }

absl::StatusOr<std::unique_ptr<RandomAccessFile>> RandomAccessFile::Open(
    const std::string& path) {
  const int fd = OpenRetrying(path, O_RDONLY);
  if (fd < 0) return Failed("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  KEEL_ASSIGN_OR_RETURN(const int64_t size, SizeOf(fd, path));
  std::move(closer).Cancel();
  return std::unique_ptr<RandomAccessFile>(
      new RandomAccessFile(path, fd, size));
}

absl::StatusOr<std::string> RandomAccessFile::Read(int64_t offset,
                                                   int64_t length) const {
  if (offset < 0 || length < 0 || offset > size_ || length > size_ - offset) {
    return absl::OutOfRangeError(absl::StrCat(path_, " has ", size_,
                                              " bytes, asked for ", length,
                                              " from ", offset, " on"));
  }
  std::string data(length, '\0');
  int64_t done = 0;
  while (done < length) {
    const ssize_t got =
        pread(fd_, data.data() + done, length - done, offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path_);
    if (got == 0) {
      return absl::OutOfRangeError(
          absl::StrCat(path_, " became shorter while it was read"));
    }
    done += got;
  }
  return data;
}

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
    return Failed("rename", absl::StrCat(from, " to ", to));
  }
  KEEL_RETURN_IF_ERROR(SyncDirectory(ParentOf(to)));
  if (ParentOf(from) == ParentOf(to)) return absl::OkStatus();
  return SyncDirectory(ParentOf(from));
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = OpenRetrying(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return Failed("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  return fsync(fd) == 0 ? absl::OkStatus() : Failed("sync", path);
}

absl::Status CreateDirectories(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0) {
    return S_ISDIR(info.st_mode) ? absl::OkStatus()
                                 : Failed("create folder", path, EEXIST);
  }
  if (errno != ENOENT) return Failed("create folder", path);
  const std::string parent = ParentOf(path);
  // "a/" has the parent "a".
  if (parent != path) KEEL_RETURN_IF_ERROR(CreateDirectories(parent));
  if (mkdir(path.c_str(), 0755) != 0) {
    // Another process may have been first, or the path ends in a slash.
    return errno == EEXIST ? absl::OkStatus() : Failed("create folder", path);
  }
  return SyncDirectory(parent);
}

absl::Status RemoveFile(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed("remove", path);
}

absl::Status RemoveRecursively(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? Failed("remove", path, error.value()) : absl::OkStatus();
}

bool FileExists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

absl::StatusOr<int64_t> FileSize(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return Failed("stat", path);
  return static_cast<int64_t>(info.st_size);
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
  if (error) return Failed("list", path, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path) {
  struct statvfs info;
  if (statvfs(path.c_str(), &info) != 0) return Failed("stat", path);
  return static_cast<int64_t>(info.f_bavail) *
         static_cast<int64_t>(info.f_frsize);
}

absl::StatusOr<std::string> FileSha256Hex(const std::string& path) {
  Sha256 digest;
  KEEL_RETURN_IF_ERROR(ForEachBlock(
      path, [&](std::string_view block) { digest.Update(block); }));
  return ToHex(digest.Finish());
}

std::string JoinPath(std::string_view a, std::string_view b) {
  std::string path(a);
  if (!path.empty() && path.back() != '/') path += '/';
  return path += b;
}

}  // namespace keel
