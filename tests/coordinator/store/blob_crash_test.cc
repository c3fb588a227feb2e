// An upload survives the sudden end of the process and goes on where it broke.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "common/file_system.h"
#include "common/ids.h"
#include "common/sha256.h"
#include "coordinator/store/directory_blob_store.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

constexpr int kBlobRounds = 3;
constexpr int64_t kPiece = 10'000;
// Pieces that a child uploads at most, and after which of them it is killed.
constexpr int kMostPieces = 8;
constexpr int kKillAfter = 3;

// Different bytes at every place; more than all children together upload.
std::string Data() {
  std::string data;
  const size_t size = (kBlobRounds * kMostPieces + 1) * kPiece;
  for (int i = 0; data.size() < size; ++i) data += std::to_string(i);
  return data;
}

// Uploads piece by piece and tells each size to the pipe, until it is killed.
[[noreturn]] void UploadUntilKilled(const std::string& folder,
                                    const std::string& data,
                                    int acknowledgements) {
  auto store = DirectoryBlobStore::Open({folder});
  if (!store.ok()) _exit(1);
  auto writer = (*store)->OpenWriter(Sha256Hex(data), false);
  if (!writer.ok()) _exit(1);
  for (int piece = 0; piece < kMostPieces; ++piece) {
    const std::string bytes = data.substr((*writer)->size(), kPiece);
    if (!(*writer)->Append(bytes).ok()) _exit(1);
    const int64_t done = (*writer)->size();
    if (write(acknowledgements, &done, sizeof(done)) != sizeof(done)) _exit(1);
  }
  while (true) pause();
}

// Kills an uploading child; returns the last size that it told.
int64_t KillWhileUploading(const std::string& folder, const std::string& data) {
  int pipe_ends[2];
  EXPECT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (child == 0) UploadUntilKilled(folder, data, pipe_ends[1]);
  close(pipe_ends[1]);
  int64_t last = 0;
  int64_t size = 0;
  int count = 0;
  while (read(pipe_ends[0], &size, sizeof(size)) == sizeof(size)) {
    last = size;
    if (++count == kKillAfter) kill(child, SIGKILL);
  }
  close(pipe_ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return last;
}

TEST(BlobCrashTest, GoesOnWithAnUploadAfterKill) {
  const std::string folder = ::testing::TempDir() + "blobs-" + RandomId();
  const std::string data = Data();
  const std::string digest = Sha256Hex(data);
  int64_t kept = 0;
  for (int round = 0; round < kBlobRounds; ++round) {
    const int64_t last = KillWhileUploading(folder, data);
    EXPECT_GE(last, kept + kKillAfter * kPiece);
    kept = last;
  }
  auto store = DirectoryBlobStore::Open({folder}).value();
  EXPECT_FALSE(store->Size(digest).ok());
  EXPECT_GE(store->PartialSize(digest), kept);
  const auto writer = store->OpenWriter(digest, false).value();
  ASSERT_TRUE(writer->Append(data.substr(writer->size())).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(*store->ReadVerified(digest), data);
  EXPECT_TRUE(RemoveRecursively(folder).ok());
}

}  // namespace
}  // namespace keel
