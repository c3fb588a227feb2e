// Input: an image file. What is accepted has a size and a known format.
#include "common/shard/image_header.h"

#include <string>

#include "tests/fuzz/fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy on the heap: a read past its end is seen.
  const std::string file(keel::testing::FuzzInput(data, size).Rest());
  const auto header = keel::ParseImageHeader(file);
  if (!header.ok()) return 0;
  keel::testing::FuzzCheck(header->width > 0 && header->height > 0,
                           "an accepted image has a size");
  keel::testing::FuzzCheck(header->format != keel::ImageFormat::kUnknown,
                           "an accepted image has a format");
  return 0;
}
