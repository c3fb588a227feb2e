// A disk in memory that loses what was not synced.
#ifndef KEEL_TESTS_TESTING_MEMORY_FILE_SYSTEM_H_
#define KEEL_TESTS_TESTING_MEMORY_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/file_system.h"

namespace keel::testing {

// Bytes are durable once their file was synced, a name (new, renamed or
// removed) once its folder was. As on Linux, a file's sync that failed is told
// once: what it was for can be read on, but later syncs make none of it
// durable. Thread-safe; outlives the files that it opens.
class MemoryFileSystem : public FileSystem {
 public:
  // Called before each single change: "create", "append", "sync", "rename",
  // "sync directory", "make directory" or "remove". Its error is the call's,
  // and nothing is changed then. It may throw, as a stand-in for the end of
  // the process, and may not call back. Null takes it away.
  using Hook = std::function<absl::Status(std::string_view operation,
                                          const std::string& path)>;

  MemoryFileSystem();

  absl::StatusOr<std::unique_ptr<AppendableFile>> OpenAppendable(
      const std::string& path) override;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(
      const std::string& path) override;
  absl::Status RenameDurably(const std::string& from,
                             const std::string& to) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status RemoveFile(const std::string& path) override;
  bool FileExists(const std::string& path) override;
  absl::StatusOr<int64_t> FileSize(const std::string& path) override;
  // Files of this disk never grow old.
  absl::StatusOr<absl::Time> ModificationTime(const std::string&) override {
    return absl::InfiniteFuture();
  }
  absl::StatusOr<std::vector<std::string>> ListDirectory(
      const std::string& path) override;
  absl::StatusOr<int64_t> FreeDiskBytes(const std::string& path) override;

  // A loss of power: what was not synced is gone. Files that are open stay
  // with the disk as it was before.
  void Crash();
  // Of what was not synced, a part that follows from `seed` survives: in each
  // folder a first part of its changes of names, of each file a first part of
  // its bytes, whose end may be zeros.
  void Crash(uint64_t seed);

  void SetHook(Hook hook);
  // What FreeDiskBytes returns; nothing else looks at it.
  void SetFreeBytes(int64_t bytes);

 private:
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  class Appendable;
  class RandomAccess;

  absl::Status Announce(std::string_view operation, const std::string& path);
  NodePtr NewNode(bool directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null: there is none.
  NodePtr Find(std::string_view path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  NodePtr FindParent(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Rename(const std::string& from, const std::string& to);
  absl::Status MakeDirectory(const std::string& path);
  void CrashKeeping(std::optional<uint64_t> seed);
  NodePtr Survivor(const Node& node, std::optional<uint64_t> seed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  // Numbers the nodes in the order in which they were made.
  int64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  NodePtr root_ ABSL_GUARDED_BY(mutex_);
  Hook hook_ ABSL_GUARDED_BY(mutex_);
  int64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = int64_t{1} << 40;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_MEMORY_FILE_SYSTEM_H_
