// A folder of one test's own.
#ifndef KEEL_TESTS_TESTING_TEST_FOLDER_H_
#define KEEL_TESTS_TESTING_TEST_FOLDER_H_

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/file_system.h"
#include "common/ids.h"

namespace keel {

// Made empty, with a name that no other has; removed with its content when
// destroyed. What fails ends the process: fuzz targets have no GoogleTest.
class TestFolder {
 public:
  explicit TestFolder(
      const std::string& parent = std::filesystem::temp_directory_path())
      : path_(JoinPath(parent, "keel-" + RandomId())) {
    Check(CreateDirectories(path_));
  }
  ~TestFolder() { Check(RemoveRecursively(path_)); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string Path(std::string_view name) const {
    return JoinPath(path_, name);
  }
  // Returns its path.
  std::string Write(std::string_view name, std::string_view data) const {
    std::string path = Path(name);
    Check(CreateDirectories(path.substr(0, path.rfind('/'))));
    Check(WriteFileAtomically(path, data));
    return path;
  }
  std::string Read(std::string_view name) const {
    auto data = ReadFile(Path(name));
    Check(data.status());
    return *std::move(data);
  }

 private:
  static void Check(const absl::Status& status) {
    if (status.ok()) return;
    std::cerr << "a test's folder: " << status << std::endl;
    std::abort();
  }
  const std::string path_;
};

}  // namespace keel

#endif  // KEEL_TESTS_TESTING_TEST_FOLDER_H_
