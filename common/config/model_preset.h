// Named architectures, and OpenCLIP's descriptions of them. Thread-safe.
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

// The architecture in OpenCLIP's JSON: an open_clip_config.json with
// "model_cfg", or a bare model_cfg. `preset` stays empty. INVALID_ARGUMENT
// names the file and the key that is missing, mistyped or of an architecture
// or preprocessing that Keel does not have.
absl::StatusOr<v1::ModelConfig> ModelConfigFromOpenClip(
    std::string_view json, std::string_view file_name);

}  // namespace keel

#endif  // KEEL_COMMON_CONFIG_MODEL_PRESET_H_
