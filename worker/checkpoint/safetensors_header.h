// The JSON header of a safetensors file, checked.
#ifndef KEEL_WORKER_CHECKPOINT_SAFETENSORS_HEADER_H_
#define KEEL_WORKER_CHECKPOINT_SAFETENSORS_HEADER_H_

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

// Length of the length that stands first.
inline constexpr int64_t kSafetensorsPrefixBytes = 8;
// Longer headers are refused, as by the reference implementation.
inline constexpr int64_t kSafetensorsMaxHeaderBytes = 100'000'000;

struct TensorEntry {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<int64_t> shape;
  // In the bytes that follow the header.
  int64_t begin = 0;
  int64_t end = 0;
};

struct SafetensorsHeader {
  // By `begin`.
  std::vector<TensorEntry> entries;
  std::map<std::string, std::string> metadata;
};

// Parses `json`; `data_bytes` follow it in the file. INVALID_ARGUMENT names
// the tensor at fault.
absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json,
                                                         int64_t data_bytes);

// The prefix and the header, padded with blanks to a multiple of 8 bytes.
// INVALID_ARGUMENT: a type that the format does not have here.
absl::StatusOr<std::string> FormatSafetensorsHeader(
    const SafetensorsHeader& header);

}  // namespace keel

#endif  // KEEL_WORKER_CHECKPOINT_SAFETENSORS_HEADER_H_
