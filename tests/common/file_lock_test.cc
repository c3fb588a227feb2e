#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "common/file_system.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

class FileLockTest : public testing::Test {
 protected:
  const TestFolder folder_;
  const std::string path_ = folder_.Path("lock");
};

TEST_F(FileLockTest, RefusesASecondHolderAndNamesTheFirst) {
  const auto first = FileLock::Acquire(path_);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = FileLock::Acquire(path_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              testing::HasSubstr(std::to_string(getpid())));
}

TEST_F(FileLockTest, IsFreeAgainWhenDestroyed) {
  ASSERT_TRUE(FileLock::Acquire(path_).ok());
  EXPECT_TRUE(FileLock::Acquire(path_).ok());
}

TEST_F(FileLockTest, NamesAFolderThatIsMissing) {
  EXPECT_EQ(FileLock::Acquire(folder_.Path("none/lock")).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace keel
