// Runs a fuzz target over files, without libFuzzer: what it once found stays
// found in every build. Arguments: folders, each with at least one file.
#include <cstdio>
#include <string>

#include "common/file_system.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

// Returns how many files the folder has.
int RunFolder(const std::string& folder) {
  const auto names = keel::ListDirectory(folder);
  keel::testing::FuzzCheck(names.ok() && !names->empty(),
                           "the corpus has a file");
  for (const std::string& name : *names) {
    std::printf("%s\n", name.c_str());
    std::fflush(stdout);  // The last name is the one that failed.
    const auto bytes = keel::ReadFile(keel::JoinPath(folder, name));
    keel::testing::FuzzCheck(bytes.ok(), "the file can be read");
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes->data()),
                           bytes->size());
  }
  return static_cast<int>(names->size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
    return 2;
  }
  for (int i = 1; i < argc; ++i) {
    std::printf("%s: %d files\n", argv[i], RunFolder(argv[i]));
  }
  return 0;
}
