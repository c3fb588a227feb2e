// Input: a safetensors file. What is accepted fills the file without a hole,
// and its header, written again, reads the same.
#include "worker/checkpoint/safetensors.h"

#include <cstdlib>
#include <string>

#include "common/file_system.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/scratch_folder.h"
#include "tests/testing/test_folder.h"
#include "worker/checkpoint/safetensors_header.h"

namespace keel::testing {
namespace {

void CheckHeader(const std::string& json, int64_t data_bytes) {
  const auto header = ParseSafetensorsHeader(json, data_bytes);
  if (!header.ok()) return;
  int64_t end = 0;
  for (const TensorEntry& entry : header->entries) {
    FuzzCheck(entry.begin == end && entry.end >= end, "tensors leave no hole");
    end = entry.end;
  }
  FuzzCheck(end == data_bytes, "tensors end where the file ends");
  const auto text = FormatSafetensorsHeader(*header);
  FuzzCheck(text.ok(), "what was read can be written");
  const auto again =
      ParseSafetensorsHeader(text->substr(kSafetensorsPrefixBytes), data_bytes);
  FuzzCheck(again.ok() && again->entries.size() == header->entries.size() &&
                again->metadata == header->metadata,
            "what was written reads the same");
}

void CheckFile(std::string_view bytes) {
  static const TestFolder folder(ScratchParent());
  const std::string path = folder.Path("fuzz.safetensors");
  WriteScratchFile(path, bytes);
  const auto file = ReadSafetensors(path);
  if (!file.ok()) return;
  int64_t data_bytes = 0;
  for (const NamedTensor& tensor : file->tensors) {
    data_bytes += static_cast<int64_t>(tensor.tensor.nbytes());
  }
  FuzzCheck(data_bytes < static_cast<int64_t>(bytes.size()),
            "tensors are not larger than the file");
}

}  // namespace
}  // namespace keel::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = keel::testing::FuzzInput(data, size).Rest();
  // Without the length that stands first the whole input is a header.
  const size_t json_end = bytes.rfind('}');
  if (json_end != bytes.npos && bytes.substr(0, 1) == "{") {
    keel::testing::CheckHeader(
        std::string(bytes.substr(0, json_end + 1)),
        static_cast<int64_t>(bytes.size() - json_end - 1));
    return 0;
  }
  keel::testing::CheckFile(bytes);
  return 0;
}
