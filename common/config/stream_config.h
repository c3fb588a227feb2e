// A stream's configuration, from its YAML file to the message that the
// coordinator keeps (docs/training.md lists the keys; config_key.h is their
// table). All functions are pure and thread-safe.
#ifndef KEEL_COMMON_CONFIG_STREAM_CONFIG_H_
#define KEEL_COMMON_CONFIG_STREAM_CONFIG_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/model_preset.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// Reasons (common/reason.h): no YAML, or not of the file's form; a key that is
// unknown; a value that is wrong.
inline constexpr std::string_view kConfigSyntax = "CONFIG_SYNTAX";
inline constexpr std::string_view kConfigKey = "CONFIG_KEY";
inline constexpr std::string_view kConfigValue = "CONFIG_VALUE";

// What a file says; nothing that it leaves out is filled in.
struct StreamConfigFile {
  v1::StreamConfig config;
  // As written, or empty: model.open_clip_config, whose architecture the
  // reader puts into config.model (ModelConfigFromOpenClip).
  std::string open_clip_config_path;
  // As written, or empty: initial.checkpoint.
  std::string initial_checkpoint_path;
};

// `file_name` is for messages. INVALID_ARGUMENT: no YAML, an unknown or
// repeated key, a value of a wrong type, unit or range; the message begins
// with file and line: "a.yaml:12: unknown key 'train.epoch'; did you mean
// 'epochs'?"
absl::StatusOr<StreamConfigFile> ParseStreamConfig(std::string_view yaml,
                                                   std::string_view file_name);

// Fills every unset value with its documented default, which may depend on
// the method's profile and on the model's preset. What is set stays, also if
// it is not valid.
v1::StreamConfig WithDefaults(const v1::StreamConfig& config);

// Method joint, which takes in what earlier phases trained.
bool IsJoint(const v1::MethodConfig& method);

// The keys of `method` and `train` whose values are not the defaults of the
// configuration's profile, in the order of ConfigKeys. Unset values are at
// their defaults.
std::vector<v1::ConfigDeviation> ProfileDeviations(
    const v1::StreamConfig& config);

// Those keys with both profiles' defaults as a Markdown table, for docs/.
std::string ProfileReference();

// Checks a configuration that WithDefaults filled. INVALID_ARGUMENT
// (CONFIG_VALUE) names the key: "method.alpha must not be negative, got -1".
absl::Status ValidateStreamConfig(const v1::StreamConfig& config);

// Every value that is set, as a file; ParseStreamConfig reads back the same.
std::string StreamConfigToYaml(const v1::StreamConfig& config);

}  // namespace keel

#endif  // KEEL_COMMON_CONFIG_STREAM_CONFIG_H_
