// Durable files. Every function returns a status that names the path and the
// system's reason; a full disk is RESOURCE_EXHAUSTED, a missing file NOT_FOUND.
// Thread-safe: there is no state but the disk's.
#ifndef KEEL_COMMON_FILE_SYSTEM_H_
#define KEEL_COMMON_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keel {

// A file that grows at its end. Not thread-safe. Closed by its destructor
// (without sync).
class AppendableFile {
 public:
  // Opens `path` for appending; creates it if it is missing.
  static absl::StatusOr<std::unique_ptr<AppendableFile>> Open(
      const std::string& path);
  ~AppendableFile();
  AppendableFile(const AppendableFile&) = delete;
  AppendableFile& operator=(const AppendableFile&) = delete;

  // A failed append leaves the file as it was.
  absl::Status Append(std::string_view data);
  // Makes all that was appended durable.
  absl::Status Sync();
  int64_t size() const { return size_; }

 private:
  AppendableFile(std::string path, int fd, int64_t size);
  const std::string path_;
  const int fd_;
  int64_t size_;
};

// A file read at any place; safe for concurrent reads.
class RandomAccessFile {
 public:
  static absl::StatusOr<std::unique_ptr<RandomAccessFile>> Open(
      const std::string& path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  // Reads exactly `length` bytes from `offset` on; OUT_OF_RANGE past the end.
  absl::StatusOr<std::string> Read(int64_t offset, int64_t length) const;
  int64_t size() const { return size_; }

 private:
  RandomAccessFile(std::string path, int fd, int64_t size);
  const std::string path_;
  const int fd_;
  const int64_t size_;
};

absl::StatusOr<std::string> ReadFile(const std::string& path);
// Whole or absent: temporary file, fsync, rename, fsync of the folder. A crash
// may leave the temporary file: `path`, a dot, 32 digits and ".tmp".
absl::Status WriteFileAtomically(const std::string& path,
                                 std::string_view data);
// Renames a file that has been synced, then syncs both folders.
absl::Status RenameDurably(const std::string& from, const std::string& to);
absl::Status SyncDirectory(const std::string& path);
// Creates the folder and its parents, durably; OK if it exists.
absl::Status CreateDirectories(const std::string& path);
// OK if it is missing.
absl::Status RemoveFile(const std::string& path);
absl::Status RemoveRecursively(const std::string& path);
bool FileExists(const std::string& path);
absl::StatusOr<int64_t> FileSize(const std::string& path);
// Names (not paths) of the entries, sorted.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);
// Bytes that this user can still write in the file system of `path`.
absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path);
// SHA-256 of the file's bytes as 64 hexadecimal digits.
absl::StatusOr<std::string> FileSha256Hex(const std::string& path);
std::string JoinPath(std::string_view a, std::string_view b);

// An exclusive lock on `path`, held until destroyed or the process ends.
class FileLock {
 public:
  // FAILED_PRECONDITION: another process holds it (its pid is in the message).
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(
      const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace keel

#endif  // KEEL_COMMON_FILE_SYSTEM_H_
