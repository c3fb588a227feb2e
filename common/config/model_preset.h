// Named architectures. Thread-safe.
#ifndef KEEL_COMMON_CONFIG_MODEL_PRESET_H_
#define KEEL_COMMON_CONFIG_MODEL_PRESET_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// "tiny", "tiny-bench", "vit-b-32", "vit-b-16", "vit-l-14" or "rn50".
// INVALID_ARGUMENT: no such preset.
absl::StatusOr<v1::ModelConfig> ModelPreset(std::string_view name);

// The names that ModelPreset knows.
const std::vector<std::string>& ModelPresetNames();

}  // namespace keel

#endif  // KEEL_COMMON_CONFIG_MODEL_PRESET_H_
