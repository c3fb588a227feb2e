#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "common/file_system.h"
#include "common/ids.h"

namespace keel {
namespace {

std::string LockPath() {
  return JoinPath(testing::TempDir(), "lock-" + RandomId());
}

TEST(FileLockTest, RefusesASecondHolderAndNamesTheFirst) {
  const std::string path = LockPath();
  const auto first = FileLock::Acquire(path);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = FileLock::Acquire(path);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr(std::to_string(getpid())));
}

TEST(FileLockTest, IsFreeAgainWhenDestroyed) {
  const std::string path = LockPath();
  ASSERT_TRUE(FileLock::Acquire(path).ok());
  EXPECT_TRUE(FileLock::Acquire(path).ok());
}

TEST(FileLockTest, NamesAFolderThatIsMissing) {
  EXPECT_EQ(FileLock::Acquire(LockPath() + "/x").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace keel
