// Architectures as OpenCLIP's configuration files.
#ifndef KEEL_WORKER_MODEL_PRESET_H_
#define KEEL_WORKER_MODEL_PRESET_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "worker/seam/config.h"

namespace keel {

// The contents of open_clip_config.json for a model (OpenCLIP's `local-dir:`
// reads it), with OpenAI's preprocessing constants.
std::string OpenClipConfigJson(const ModelConfig& config);
// Reads such a file. INVALID_ARGUMENT names the key that is missing, out of its
// bounds (docs/limits.md) or of an architecture that Keel does not have.
absl::StatusOr<ModelConfig> ModelConfigFromOpenClipJson(std::string_view json);
// INVALID_ARGUMENT names the first value in which a file's architecture differs
// from a stream's.
absl::Status RequireSameArchitecture(const ModelConfig& found,
                                     const ModelConfig& wanted);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_PRESET_H_
