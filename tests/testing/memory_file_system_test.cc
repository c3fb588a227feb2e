#include "tests/testing/memory_file_system.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class MemoryFileSystemTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(disk_.CreateDirectories("/d").ok()); }
  // Appends to a file that is opened for it, and syncs the bytes if asked.
  void Write(const std::string& path, const std::string& data, bool sync) {
    const auto file = disk_.OpenAppendable(path).value();
    ASSERT_TRUE(file->Append(data).ok());
    ASSERT_TRUE(!sync || file->Sync().ok());
  }
  std::string Read(const std::string& path) {
    const auto file = disk_.OpenRandomAccess(path);
    if (!file.ok()) return std::string(file.status().message());
    return (*file)->Read(0, (*file)->size()).value();
  }

  MemoryFileSystem disk_;
};

TEST_F(MemoryFileSystemTest, BehavesAsADiskWithoutACrash) {
  Write("/d/a", "one", false);
  Write("/d/a", "two", false);
  EXPECT_EQ(Read("/d/a"), "onetwo");
  EXPECT_EQ(disk_.FileSize("/d/a").value(), 6);
  EXPECT_EQ(disk_.OpenRandomAccess("/d/a").value()->Read(2, 5).status().code(),
            absl::StatusCode::kOutOfRange);
  ASSERT_TRUE(disk_.CreateDirectories("/d/e/f").ok());
  ASSERT_TRUE(disk_.RenameDurably("/d/a", "/d/e/f/b").ok());
  EXPECT_THAT(disk_.ListDirectory("/d").value(), ElementsAre("e"));
  EXPECT_EQ(Read("/d/e/f/b"), "onetwo");
  ASSERT_TRUE(disk_.RemoveFile("/d/e/f/b").ok());
  ASSERT_TRUE(disk_.RemoveFile("/d/e/f/b").ok());
  EXPECT_FALSE(disk_.FileExists("/d/e/f/b"));
  EXPECT_EQ(disk_.FileSize("/d/none").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(disk_.OpenAppendable("/none/a").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(MemoryFileSystemTest, ACrashKeepsWhatWasSynced) {
  Write("/d/a", "synced", true);
  ASSERT_TRUE(disk_.SyncDirectory("/d").ok());
  Write("/d/a", " and not", false);
  disk_.Crash();
  EXPECT_EQ(Read("/d/a"), "synced");
}

TEST_F(MemoryFileSystemTest, ACrashTakesANameWhoseFolderWasNotSynced) {
  Write("/d/a", "synced", true);
  disk_.Crash();
  EXPECT_THAT(disk_.ListDirectory("/d").value(), IsEmpty());
}

TEST_F(MemoryFileSystemTest, ACrashTakesBytesThatOnlyTheNameOutlives) {
  Write("/d/a", "not synced", false);
  ASSERT_TRUE(disk_.SyncDirectory("/d").ok());
  disk_.Crash();
  EXPECT_EQ(Read("/d/a"), "");
}

TEST_F(MemoryFileSystemTest, ACrashBringsBackWhatWasRemovedUnsynced) {
  Write("/d/a", "kept", true);
  ASSERT_TRUE(disk_.SyncDirectory("/d").ok());
  ASSERT_TRUE(disk_.RemoveFile("/d/a").ok());
  disk_.Crash();
  EXPECT_EQ(Read("/d/a"), "kept");
  ASSERT_TRUE(disk_.RemoveFile("/d/a").ok());
  ASSERT_TRUE(disk_.SyncDirectory("/d").ok());
  disk_.Crash();
  EXPECT_FALSE(disk_.FileExists("/d/a"));
}

TEST_F(MemoryFileSystemTest, ARenameIsDurableWhenItReturns) {
  Write("/d/a", "bytes", true);
  ASSERT_TRUE(disk_.CreateDirectories("/e").ok());
  ASSERT_TRUE(disk_.RenameDurably("/d/a", "/e/b").ok());
  disk_.Crash();
  EXPECT_EQ(Read("/e/b"), "bytes");
  EXPECT_FALSE(disk_.FileExists("/d/a"));
}

TEST_F(MemoryFileSystemTest, FilesThatWereOpenStayWithTheOldDisk) {
  const auto file = disk_.OpenAppendable("/d/a").value();
  ASSERT_TRUE(disk_.SyncDirectory("/d").ok());
  disk_.Crash();
  ASSERT_TRUE(file->Append("late").ok());
  ASSERT_TRUE(file->Sync().ok());
  EXPECT_EQ(Read("/d/a"), "");
}

TEST_F(MemoryFileSystemTest, WhatASyncFailedForIsReadableButNeverDurable) {
  const auto file = disk_.OpenAppendable("/d/a").value();
  ASSERT_TRUE(disk_.SyncDirectory("/d").ok());
  ASSERT_TRUE(file->Append("synced").ok() && file->Sync().ok());
  disk_.SetHook([](std::string_view, const std::string&) {
    return absl::UnknownError("input/output error");
  });
  EXPECT_FALSE(file->Sync().ok());
  disk_.SetHook(nullptr);
  ASSERT_TRUE(file->Append(" and not").ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_EQ(Read("/d/a"), "synced and not");
  disk_.Crash();
  EXPECT_EQ(Read("/d/a"), "synced");
}

// What a seed lets survive: nothing, all, or something between, but never
// less than what was synced, and names in the order of their changes.
TEST_F(MemoryFileSystemTest, ASeedLetsAFirstPartOfTheRestSurvive) {
  bool saw_all = false, saw_none = false, saw_zeros = false;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    MemoryFileSystem disk;
    ASSERT_TRUE(disk.CreateDirectories("/d").ok());
    const auto file = disk.OpenAppendable("/d/a").value();
    ASSERT_TRUE(file->Append("1234").ok() && file->Sync().ok());
    ASSERT_TRUE(disk.SyncDirectory("/d").ok());
    ASSERT_TRUE(file->Append("5678").ok());
    ASSERT_TRUE(disk.OpenAppendable("/d/b").ok());
    ASSERT_TRUE(disk.OpenAppendable("/d/c").ok());
    disk.Crash(seed);
    const auto names = disk.ListDirectory("/d").value();
    const auto survivor = disk.OpenRandomAccess("/d/a").value();
    const std::string data = survivor->Read(0, survivor->size()).value();
    ASSERT_EQ(data.substr(0, 4), "1234") << seed;
    const size_t good = data.find('\0');
    ASSERT_EQ(data.substr(0, good),
              std::string("12345678").substr(0, std::min(good, data.size())));
    ASSERT_TRUE(!disk.FileExists("/d/c") || disk.FileExists("/d/b")) << seed;
    saw_all = saw_all || (data == "12345678" && names.size() == 3);
    saw_none = saw_none || (data == "1234" && names.size() == 1);
    saw_zeros = saw_zeros || good != std::string::npos;
  }
  EXPECT_TRUE(saw_all && saw_none && saw_zeros);
}

TEST_F(MemoryFileSystemTest, TheHookIsAskedBeforeEachChange) {
  std::vector<std::string> operations;
  disk_.SetHook([&](std::string_view operation, const std::string& path) {
    operations.push_back(std::string(operation) + " " + path);
    return path == "/d/bad" ? absl::InternalError("refused") : absl::OkStatus();
  });
  Write("/d/a", "x", true);
  EXPECT_EQ(disk_.OpenAppendable("/d/bad").status().message(), "refused");
  EXPECT_FALSE(disk_.FileExists("/d/bad"));
  EXPECT_THAT(operations, ElementsAre("create /d/a", "append /d/a", "sync /d/a",
                                      "create /d/bad"));
}

}  // namespace
}  // namespace keel::testing
