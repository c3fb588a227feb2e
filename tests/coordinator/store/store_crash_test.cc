// An acknowledged commit survives the sudden end of the process.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "common/file_system.h"
#include "common/ids.h"
#include "coordinator/store/sqlite_store.h"
#include "coordinator/store/table_names.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

constexpr int kRounds = 5;
constexpr int kCommitsPerRound = 40;

// Each commit writes its number in two tables, then tells it to the pipe.
[[noreturn]] void CommitUntilKilled(const std::string& path, int32_t first,
                                    int acknowledgements) {
  auto store = SqliteStore::Open(path);
  if (!store.ok()) _exit(1);
  for (int32_t number = first;; ++number) {
    WriteBatch batch;
    batch.Put(table::kChunks, NumberKey(number), std::string(2000, 'c'));
    batch.Put(table::kRequests, NumberKey(number), "digest");
    if (!(*store)->Commit(batch).ok()) _exit(1);
    if (write(acknowledgements, &number, sizeof(number)) != sizeof(number)) {
      _exit(1);
    }
  }
}

// Kills a committing child after some acknowledgements; returns the last
// number that it has acknowledged.
int32_t KillWhileCommitting(const std::string& path, int32_t first) {
  int pipe_ends[2];
  EXPECT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (child == 0) CommitUntilKilled(path, first, pipe_ends[1]);
  close(pipe_ends[1]);
  int32_t last = -1;
  int count = 0;
  int32_t number;
  while (read(pipe_ends[0], &number, sizeof(number)) == sizeof(number)) {
    last = number;
    // What it wrote before the signal took effect is read, too.
    if (++count == kCommitsPerRound) kill(child, SIGKILL);
  }
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return last;
}

TEST(StoreCrashTest, KeepsEveryAcknowledgedCommitThroughKill) {
  const std::string folder = ::testing::TempDir() + "crash-" + RandomId();
  ASSERT_TRUE(CreateDirectories(folder).ok());
  const std::string path = folder + "/keel.db";
  int32_t next = 0;
  for (int round = 0; round < kRounds; ++round) {
    const int32_t last = KillWhileCommitting(path, next);
    ASSERT_GE(last, next + kCommitsPerRound - 1);
    auto store = SqliteStore::Open(path);
    ASSERT_TRUE(store.ok()) << store.status();
    const auto chunks = (*store)->Scan(table::kChunks, "");
    const auto requests = (*store)->Scan(table::kRequests, "");
    ASSERT_TRUE(chunks.ok()) << chunks.status();
    // All that was acknowledged, at most one more, and never half of one.
    EXPECT_GE(static_cast<int32_t>(chunks->size()), last + 1);
    EXPECT_LE(static_cast<int32_t>(chunks->size()), last + 2);
    EXPECT_EQ(requests->size(), chunks->size());
    for (int32_t number = 0; number <= last; ++number) {
      EXPECT_EQ((*chunks)[number].first, NumberKey(number));
    }
    next = static_cast<int32_t>(chunks->size());
  }
  EXPECT_TRUE(RemoveRecursively(folder).ok());
}

}  // namespace
}  // namespace keel
