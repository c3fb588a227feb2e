// A folder for a fuzz target's files: in memory where the machine has such a
// file system.
#ifndef KEEL_TESTS_FUZZ_SCRATCH_FOLDER_H_
#define KEEL_TESTS_FUZZ_SCRATCH_FOLDER_H_

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "common/file_system.h"
#include "common/ids.h"
#include "tests/fuzz/fuzz_input.h"

namespace keel::testing {

// Removed with its content when destroyed.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(JoinPath(FileExists("/dev/shm") ? "/dev/shm" : "/tmp",
                       "keel-fuzz-" + RandomId())) {
    FuzzCheck(CreateDirectories(path_).ok(), "a folder for files");
  }
  ~ScratchFolder() { RemoveRecursively(path_).IgnoreError(); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string Path(std::string_view name) const {
    return JoinPath(path_, name);
  }

 private:
  const std::string path_;
};

// Replaces the file; not durable.
inline void WriteScratchFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  FuzzCheck(file.good(), "a file was written");
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_FUZZ_SCRATCH_FOLDER_H_
