#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/posix_calls.h"
#include "common/status_macros.h"

namespace keel {
namespace {

absl::StatusOr<int64_t> SizeOf(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return FailedCall("stat", path);
  return static_cast<int64_t>(info.st_size);
}

class PosixAppendableFile : public AppendableFile {
 public:
  PosixAppendableFile(std::string path, int fd, int64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~PosixAppendableFile() override { close(fd_); }
  PosixAppendableFile(const PosixAppendableFile&) = delete;
  PosixAppendableFile& operator=(const PosixAppendableFile&) = delete;

  absl::Status Append(std::string_view data) override;
  absl::Status Sync() override {
    return fsync(fd_) == 0 ? absl::OkStatus() : FailedCall("sync", path_);
  }
  int64_t size() const override { return size_; }

 private:
  const std::string path_;
  const int fd_;
  int64_t size_;
};

absl::Status PosixAppendableFile::Append(std::string_view data) {
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

class PosixRandomAccessFile : public RandomAccessFile {
 public:
  PosixRandomAccessFile(std::string path, int fd, int64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}
  ~PosixRandomAccessFile() override { close(fd_); }
  PosixRandomAccessFile(const PosixRandomAccessFile&) = delete;
  PosixRandomAccessFile& operator=(const PosixRandomAccessFile&) = delete;

  absl::StatusOr<std::string> Read(int64_t offset,
                                   int64_t length) const override;
  int64_t size() const override { return size_; }

 private:
  const std::string path_;
  const int fd_;
  const int64_t size_;
};

absl::StatusOr<std::string> PosixRandomAccessFile::Read(int64_t offset,
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
    if (got < 0) return FailedCall("read", path_);
    if (got == 0) {
      return absl::OutOfRangeError(
          absl::StrCat(path_, " became shorter while it was read"));
    }
    done += got;
  }
  return data;
}

class Posix : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<AppendableFile>> OpenAppendable(
      const std::string& path) override {
    return AppendableFile::Open(path);
  }
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(
      const std::string& path) override {
    return RandomAccessFile::Open(path);
  }
  absl::Status RenameDurably(const std::string& from,
                             const std::string& to) override {
    return keel::RenameDurably(from, to);
  }
  absl::Status SyncDirectory(const std::string& path) override {
    return keel::SyncDirectory(path);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return keel::CreateDirectories(path);
  }
  absl::Status RemoveFile(const std::string& path) override {
    return keel::RemoveFile(path);
  }
  bool FileExists(const std::string& path) override {
    return keel::FileExists(path);
  }
  absl::StatusOr<int64_t> FileSize(const std::string& path) override {
    return keel::FileSize(path);
  }
  absl::StatusOr<absl::Time> ModificationTime(
      const std::string& path) override {
    return keel::ModificationTime(path);
  }
  absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) override {
    return keel::ListDirectory(path);
  }
  absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path) override {
    return keel::FreeDiskBytes(path);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<AppendableFile>> AppendableFile::Open(
    const std::string& path) {
  const int fd = OpenRetrying(path, O_WRONLY | O_CREAT | O_APPEND);
  if (fd < 0) return FailedCall("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  KEEL_ASSIGN_OR_RETURN(const int64_t size, SizeOf(fd, path));
  std::move(closer).Cancel();
  return std::make_unique<PosixAppendableFile>(path, fd, size);
}

absl::StatusOr<std::unique_ptr<RandomAccessFile>> RandomAccessFile::Open(
    const std::string& path) {
  const int fd = OpenRetrying(path, O_RDONLY);
  if (fd < 0) return FailedCall("open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  KEEL_ASSIGN_OR_RETURN(const int64_t size, SizeOf(fd, path));
  std::move(closer).Cancel();
  return std::make_unique<PosixRandomAccessFile>(path, fd, size);
}

FileSystem* PosixFileSystem() {
  static Posix* const posix = new Posix;
  return posix;
}

}  // namespace keel
