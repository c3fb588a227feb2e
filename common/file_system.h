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
#include "absl/time/time.h"

namespace keel {

// A file that grows at its end. Not thread-safe. Closed by its destructor
// (without sync).
class AppendableFile {
 public:
  // Opens `path` of the system's disk for appending; creates it if it is
  // missing.
  static absl::StatusOr<std::unique_ptr<AppendableFile>> Open(
      const std::string& path);
  virtual ~AppendableFile() = default;

  // A failed append leaves the file as it was.
  virtual absl::Status Append(std::string_view data) = 0;
  // Makes all that was appended durable.
  virtual absl::Status Sync() = 0;
  virtual int64_t size() const = 0;
};

// A file read at any place; safe for concurrent reads.
class RandomAccessFile {
 public:
  // Of the system's disk.
  static absl::StatusOr<std::unique_ptr<RandomAccessFile>> Open(
      const std::string& path);
  virtual ~RandomAccessFile() = default;

  // Reads exactly `length` bytes from `offset` on; OUT_OF_RANGE past the end.
  virtual absl::StatusOr<std::string> Read(int64_t offset,
                                           int64_t length) const = 0;
  virtual int64_t size() const = 0;
};

// The calls that durable storage is made of: what stands on this class can be
// shown a disk that loses whatever was not synced. Each call does what the
// function of its name below does. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual absl::StatusOr<std::unique_ptr<AppendableFile>> OpenAppendable(
      const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(
      const std::string& path) = 0;
  virtual absl::Status RenameDurably(const std::string& from,
                                     const std::string& to) = 0;
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  virtual absl::Status RemoveFile(const std::string& path) = 0;
  virtual bool FileExists(const std::string& path) = 0;
  virtual absl::StatusOr<int64_t> FileSize(const std::string& path) = 0;
  virtual absl::StatusOr<absl::Time> ModificationTime(
      const std::string& path) = 0;
  virtual absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) = 0;
  virtual absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path) = 0;
};

// The system's own; lives until the process ends.
FileSystem* PosixFileSystem();

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
// When its bytes were last changed.
absl::StatusOr<absl::Time> ModificationTime(const std::string& path);
// Names (not paths) of the entries, sorted.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);
// Bytes that this user can still write in the file system of `path`.
absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path);
// SHA-256 of the file's bytes as 64 hexadecimal digits.
absl::StatusOr<std::string> FileSha256Hex(const std::string& path);
std::string JoinPath(std::string_view a, std::string_view b);
// The folder that `path` lies in; "." for a bare name.
std::string ParentFolder(const std::string& path);

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
