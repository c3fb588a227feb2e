// One value of a stream's configuration, between its text and its field.
// Thread-safe.
#ifndef KEEL_COMMON_CONFIG_CONFIG_VALUE_H_
#define KEEL_COMMON_CONFIG_CONFIG_VALUE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/config/config_key.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// These take keys that have a field (no kFile).

// INVALID_ARGUMENT: `text` is not of the key's type; the message names the
// key. Does not check ranges.
absl::Status SetConfigValue(const ConfigKey& key, std::string_view text,
                            v1::StreamConfig* config);
// True unless the field is absent, or 0 or empty without being `optional`.
bool HasConfigValue(const ConfigKey& key, const v1::StreamConfig& config);
// The value as SetConfigValue takes it, without loss.
std::string ConfigValueText(const ConfigKey& key,
                            const v1::StreamConfig& config);
// INVALID_ARGUMENT: the value is outside the key's range or choices; the
// message names the key and the value.
absl::Status CheckConfigValue(const ConfigKey& key,
                              const v1::StreamConfig& config);

// True if the key is a field of the message.
bool HasConfigField(const ConfigKey& key);
// True if the key describes a transformer and the image tower is a ResNet.
bool IsOfAnotherTower(const ConfigKey& key, const v1::StreamConfig& config);
// What any key's value may be, for the documentation: "(0, 1]", "fp32 or
// bf16"; empty: anything of its type.
std::string ConfigRangeText(const ConfigKey& key);

}  // namespace keel

#endif  // KEEL_COMMON_CONFIG_CONFIG_VALUE_H_
