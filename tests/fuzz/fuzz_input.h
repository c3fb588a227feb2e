// What the fuzz targets share: bytes taken one by one from the input, and a
// check that ends the process. Not thread-safe.
#ifndef KEEL_TESTS_FUZZ_FUZZ_INPUT_H_
#define KEEL_TESTS_FUZZ_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// Runs one input; libFuzzer (or corpus_main.cc) calls it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace keel::testing {

// Ends the process with `what` unless it holds: a finding.
inline void FuzzCheck(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what.c_str());
  std::abort();
}

// The bytes outlive it.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : bytes_(reinterpret_cast<const char*>(data), size) {}

  // The next byte; 0 behind the end.
  uint8_t Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }
  // All that is left.
  std::string_view Rest() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_FUZZ_FUZZ_INPUT_H_
