// What the stores tell the operating system to make durable, and when. This
// program's own fsync, fdatasync and rename take the place of the C library's,
// note what they are called with, and pass it on.
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/file_system.h"
#include "common/ids.h"
#include "common/sha256.h"
#include "coordinator/store/blob_paths.h"
#include "coordinator/store/directory_blob_store.h"
#include "coordinator/store/sqlite_store.h"
#include "coordinator/store/table_names.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

// The calls so far, as "sync PATH" and "rename PATH". Thread-safe.
class CallLog {
 public:
  static CallLog& Get() {
    static CallLog* const log = new CallLog;
    return *log;
  }
  void Add(const std::string& call) {
    absl::MutexLock lock(&mutex_);
    calls_.push_back(call);
  }
  // Also forgets them.
  std::vector<std::string> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(calls_, {});
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
};

void LogSync(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = readlink(link.c_str(), path, sizeof(path));
  CallLog::Get().Add("sync " + std::string(path, length < 0 ? 0 : length));
}

}  // namespace
}  // namespace keel

extern "C" int fsync(int fd) {
  keel::LogSync(fd);
  return static_cast<int>(syscall(SYS_fsync, fd));
}
extern "C" int fdatasync(int fd) {
  keel::LogSync(fd);
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}
extern "C" int rename(const char* from, const char* to) noexcept {
  keel::CallLog::Get().Add("rename " + std::string(to));
  return static_cast<int>(
      syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}

namespace keel {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

class SyncOrderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(CreateDirectories(folder_).ok());
    char resolved[PATH_MAX];
    ASSERT_NE(realpath(folder_.c_str(), resolved), nullptr);
    root_ = resolved;
  }
  void TearDown() override { EXPECT_TRUE(RemoveRecursively(folder_).ok()); }

  const std::string folder_ = ::testing::TempDir() + "sync-" + RandomId();
  // Without symbolic links, as the kernel names it.
  std::string root_;
};

TEST_F(SyncOrderTest, CommitSyncsTheLogBeforeItReturns) {
  const std::string path = root_ + "/keel.db";
  auto store = SqliteStore::Open(path).value();
  EXPECT_THAT(CallLog::Get().Take(), Contains("sync " + root_));
  for (int i = 0; i < 5; ++i) {
    WriteBatch batch;
    batch.Put(table::kChunks, NumberKey(i), "value");
    ASSERT_TRUE(store->Commit(batch).ok());
    EXPECT_THAT(CallLog::Get().Take(), Contains("sync " + path + "-wal"));
  }
}

TEST_F(SyncOrderTest, FinishSyncsBytesThenNameThenBothFolders) {
  auto store = DirectoryBlobStore::Open({root_}).value();
  const std::string digest = Sha256Hex("data");
  const auto writer = store->OpenWriter(digest, false).value();
  ASSERT_TRUE(writer->Append("data").ok());
  CallLog::Get().Take();
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_THAT(
      CallLog::Get().Take(),
      ElementsAre(
          "sync " + PartialPath(root_, digest), "sync " + BlobsFolder(root_),
          "sync " + BlobsFolder(root_), "rename " + BlobPath(root_, digest),
          "sync " + BlobFolder(root_, digest), "sync " + PartialFolder(root_)));
}

TEST_F(SyncOrderTest, PutSyncsBytesThenNameThenFolder) {
  auto store = DirectoryBlobStore::Open({root_}).value();
  CallLog::Get().Take();
  const std::string digest = store->Put("data").value();
  const std::vector<std::string> calls = CallLog::Get().Take();
  ASSERT_EQ(calls.size(), 6u);
  EXPECT_TRUE(calls[0].starts_with("sync " + PartialPath(root_, digest)));
  EXPECT_EQ(calls[3], "rename " + BlobPath(root_, digest));
  EXPECT_EQ(calls[4], "sync " + BlobFolder(root_, digest));
}

}  // namespace
}  // namespace keel
