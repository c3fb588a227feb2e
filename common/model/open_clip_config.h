// OpenCLIP's description of an architecture, read and written. Thread-safe.
#ifndef KEEL_COMMON_MODEL_OPEN_CLIP_CONFIG_H_
#define KEEL_COMMON_MODEL_OPEN_CLIP_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/model_config.h"

namespace keel {

// Reads an open_clip_config.json with "model_cfg", or a bare model_cfg. A null
// is as good as no entry; keys of other architectures may stand there with the
// value that OpenCLIP assumes without them. Of a ResNet patch_size, layers and
// mlp_ratio keep their defaults. INVALID_ARGUMENT names the file and the key
// that is missing, mistyped, out of bounds, or of an architecture or
// preprocessing that Keel does not have.
absl::StatusOr<ModelConfig> ModelConfigFromOpenClip(std::string_view json,
                                                    std::string_view file_name);

// The contents of open_clip_config.json for a model (OpenCLIP's `local-dir:`
// reads it), with OpenAI's preprocessing constants.
std::string OpenClipConfigJson(const ModelConfig& config);

// INVALID_ARGUMENT names the first value in which a file's architecture differs
// from a stream's.
absl::Status RequireSameArchitecture(const ModelConfig& found,
                                     const ModelConfig& wanted);

}  // namespace keel

#endif  // KEEL_COMMON_MODEL_OPEN_CLIP_CONFIG_H_
