// Where a fuzz target's files are: in memory where the machine has such a file
// system.
#ifndef KEEL_TESTS_FUZZ_SCRATCH_FOLDER_H_
#define KEEL_TESTS_FUZZ_SCRATCH_FOLDER_H_

#include <fstream>
#include <string>
#include <string_view>

#include "common/file_system.h"
#include "tests/fuzz/fuzz_input.h"

namespace keel::testing {

// For a TestFolder.
inline std::string ScratchParent() {
  return FileExists("/dev/shm") ? "/dev/shm" : "/tmp";
}

// Replaces the file; not durable.
inline void WriteScratchFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  FuzzCheck(file.good(), "a file was written");
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_FUZZ_SCRATCH_FOLDER_H_
