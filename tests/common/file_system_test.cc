#include "common/file_system.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "common/ids.h"
#include "common/posix_calls.h"
#include "common/sha256.h"

namespace keel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FileSystemTest : public testing::Test {
 protected:
  FileSystemTest() { EXPECT_TRUE(CreateDirectories(folder_).ok()); }
  ~FileSystemTest() override { RemoveRecursively(folder_).IgnoreError(); }

  std::string In(const std::string& name) { return JoinPath(folder_, name); }
  std::string Read(const std::string& name) {
    return ReadFile(In(name)).value();
  }

  const std::string folder_ = JoinPath(testing::TempDir(), RandomId());
};

TEST_F(FileSystemTest, WritesAndReadsAnyBytes) {
  const std::string data("a\0b\xff", 4);
  ASSERT_TRUE(WriteFileAtomically(In("x"), data).ok());
  EXPECT_EQ(Read("x"), data);
  EXPECT_EQ(FileSize(In("x")).value(), 4);
}

TEST_F(FileSystemTest, ReplacesAFileAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "old").ok());
  ASSERT_TRUE(WriteFileAtomically(In("x"), "new").ok());
  EXPECT_EQ(Read("x"), "new");
  EXPECT_THAT(ListDirectory(folder_).value(), ElementsAre("x"));
}

TEST_F(FileSystemTest, LeavesNothingWhenAWriteFails) {
  ASSERT_TRUE(CreateDirectories(In("x/y")).ok());
  EXPECT_FALSE(WriteFileAtomically(In("x"), "new").ok());
  EXPECT_THAT(ListDirectory(folder_).value(), ElementsAre("x"));
}

TEST_F(FileSystemTest, NamesTheMissingFile) {
  const absl::Status status = ReadFile(In("none")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(In("none")));
  EXPECT_EQ(FileSize(In("none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RandomAccessFile::Open(In("none")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ListDirectory(In("none")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(WriteFileAtomically(In("none/x"), "").code(),
            absl::StatusCode::kNotFound);
}

TEST_F(FileSystemTest, SaysResourceExhaustedWhenTheDiskIsFull) {
  auto file = AppendableFile::Open("/dev/full");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->Append("data").code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ((*file)->size(), 0);
}

TEST_F(FileSystemTest, AppendsToWhatIsThere) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "one").ok());
  auto file = AppendableFile::Open(In("x")).value();
  EXPECT_EQ(file->size(), 3);
  ASSERT_TRUE(file->Append("two").ok());
  ASSERT_TRUE(file->Append("").ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(file->size(), 6);
  EXPECT_EQ(Read("x"), "onetwo");
}

TEST_F(FileSystemTest, ReadsRanges) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "0123456789").ok());
  const auto file = RandomAccessFile::Open(In("x")).value();
  EXPECT_EQ(file->size(), 10);
  EXPECT_EQ(file->Read(3, 4).value(), "3456");
  EXPECT_EQ(file->Read(10, 0).value(), "");
}

TEST_F(FileSystemTest, RefusesRangesBeyondTheEnd) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "0123456789").ok());
  const auto file = RandomAccessFile::Open(In("x")).value();
  for (const auto& [offset, length] : {std::pair<int64_t, int64_t>{8, 3},
                                       {11, 0},
                                       {-1, 1},
                                       {0, -1},
                                       {1, INT64_MAX}}) {
    EXPECT_EQ(file->Read(offset, length).status().code(),
              absl::StatusCode::kOutOfRange)
        << offset << " " << length;
  }
}

TEST_F(FileSystemTest, NoticesAFileThatBecameShorter) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "0123456789").ok());
  const auto file = RandomAccessFile::Open(In("x")).value();
  ASSERT_EQ(truncate(In("x").c_str(), 4), 0);
  EXPECT_EQ(file->Read(2, 6).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(FileSystemTest, RenamesIntoAnotherFolder) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "data").ok());
  ASSERT_TRUE(CreateDirectories(In("sub")).ok());
  ASSERT_TRUE(RenameDurably(In("x"), In("sub/y")).ok());
  EXPECT_FALSE(FileExists(In("x")));
  EXPECT_EQ(Read("sub/y"), "data");
  EXPECT_EQ(RenameDurably(In("x"), In("z")).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(FileSystemTest, CreatesFoldersWithTheirParents) {
  EXPECT_TRUE(CreateDirectories(In("a/b/c/")).ok());
  EXPECT_TRUE(CreateDirectories(In("a/b/c")).ok());
  EXPECT_TRUE(FileExists(In("a/b/c")));
}

TEST_F(FileSystemTest, RefusesAFolderInPlaceOfAFile) {
  ASSERT_TRUE(WriteFileAtomically(In("x"), "").ok());
  EXPECT_EQ(CreateDirectories(In("x")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(CreateDirectories(In("x/y")).ok());
}

TEST_F(FileSystemTest, BlamesAPathButNoCallerForTheMachine) {
  EXPECT_EQ(ReadFile(folder_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(WriteFileAtomically(In("x"), "").ok());
  EXPECT_EQ(ReadFile(In("x/y")).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReadFile(In(std::string(300, 'x'))).status().code(),
            absl::StatusCode::kInvalidArgument);
  // As a mount gives it that cannot sync a folder.
  const absl::Status status = FailedCall("sync", folder_, EINVAL);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot sync"));
  EXPECT_EQ(FailedCall("open", folder_, EBUSY).code(),
            absl::StatusCode::kInternal);
}

TEST_F(FileSystemTest, RemovesFilesAndFolders) {
  ASSERT_TRUE(CreateDirectories(In("a/b")).ok());
  ASSERT_TRUE(WriteFileAtomically(In("a/b/x"), "").ok());
  EXPECT_TRUE(RemoveFile(In("a/b/x")).ok());
  EXPECT_TRUE(RemoveFile(In("a/b/x")).ok());
  EXPECT_FALSE(RemoveFile(In("a")).ok());
  EXPECT_TRUE(RemoveRecursively(In("a")).ok());
  EXPECT_TRUE(RemoveRecursively(In("a")).ok());
  EXPECT_THAT(ListDirectory(folder_).value(), IsEmpty());
}

TEST_F(FileSystemTest, ListsNamesInOrder) {
  for (const char* name : {"b", "a", "c"}) {
    ASSERT_TRUE(WriteFileAtomically(In(name), "").ok());
  }
  EXPECT_THAT(ListDirectory(folder_).value(), ElementsAre("a", "b", "c"));
}

TEST_F(FileSystemTest, DigestsAFileOfManyBlocks) {
  const std::string data(3'000'001, 'x');
  ASSERT_TRUE(WriteFileAtomically(In("x"), data).ok());
  EXPECT_EQ(FileSha256Hex(In("x")).value(), Sha256Hex(data));
  EXPECT_EQ(ReadFile(In("x")).value(), data);
}

TEST_F(FileSystemTest, KnowsTheFreeDisk) {
  EXPECT_GT(FreeDiskBytes(folder_).value(), 0);
  EXPECT_EQ(FreeDiskBytes(In("none")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(JoinPathTest, PutsOneSlashBetween) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
}

}  // namespace
}  // namespace keel
