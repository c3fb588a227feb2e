// A folder of one test's own.
#ifndef KEEL_TESTS_COORDINATOR_CLIENT_TEST_FOLDER_H_
#define KEEL_TESTS_COORDINATOR_CLIENT_TEST_FOLDER_H_

#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "gtest/gtest.h"

namespace keel {

class TestFolder {
 public:
  TestFolder()
      : path_(absl::StrCat(
            ::testing::TempDir(), "/keel-",
            ::testing::UnitTest::GetInstance()->current_test_info()->name(),
            "-", getpid())) {
    EXPECT_TRUE(CreateDirectories(path_).ok());
  }
  ~TestFolder() { EXPECT_TRUE(RemoveRecursively(path_).ok()); }

  std::string Path(const std::string& name) const {
    return JoinPath(path_, name);
  }
  // Returns its path.
  std::string Write(const std::string& name, std::string_view data) const {
    const std::string path = Path(name);
    EXPECT_TRUE(CreateDirectories(path.substr(0, path.rfind('/'))).ok());
    EXPECT_TRUE(WriteFileAtomically(path, data).ok());
    return path;
  }
  std::string Read(const std::string& name) const {
    const auto data = ReadFile(Path(name));
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *data : "";
  }

 private:
  const std::string path_;
};

}  // namespace keel

#endif  // KEEL_TESTS_COORDINATOR_CLIENT_TEST_FOLDER_H_
