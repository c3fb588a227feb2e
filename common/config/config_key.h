// The keys of a stream's configuration: one table that parsing, printing,
// defaults, checks and the documentation follow.
//
// A key's path is that of its field in keel.v1.StreamConfig; the type is the
// field's. Enum values are written in lower case.
#ifndef KEEL_COMMON_CONFIG_CONFIG_KEY_H_
#define KEEL_COMMON_CONFIG_CONFIG_KEY_H_

#include <string>
#include <string_view>
#include <vector>

namespace keel {

enum class ConfigUnit {
  // As the field's type says; durations as "60s", "1h30m".
  kPlain,
  // A count of bytes, also as "64GiB".
  kBytes,
  // A count; "all" stands for 0.
  kCountOrAll,
  // A list of whole numbers: "[3, 4, 6, 3]".
  kIntegers,
  // A path that the file's reader resolves; no field of the message.
  kFile,
};

enum class ConfigRange {
  kAny,
  kPositive,
  kNotNegative,
  // [0, 1], [0, 1), (0, 1] and (0, 1).
  kShare,
  kShareBelowOne,
  kShareAboveZero,
  kShareOpen,
};

struct ConfigKey {
  std::string path;
  ConfigUnit unit = ConfigUnit::kPlain;
  ConfigRange range = ConfigRange::kAny;
  // Largest value; 0: none.
  double at_most = 0;
  // Legal strings, separated by '|'; empty: any.
  std::string choices;
  // As written in a file. Empty: none, or the preset's.
  std::string fallback;
  // The default of profile modx-official, where it is another.
  std::string official_fallback;
  // The default of method lwf, where it is another; before the profile's.
  std::string lwf_fallback;
  std::string doc;
};

// In the order of documentation and printing. Thread-safe.
const std::vector<ConfigKey>& ConfigKeys();

// The key with that path; null if there is none.
const ConfigKey* FindConfigKey(std::string_view path);

// True if `path` is a group of keys, such as "model.vision".
bool IsConfigSection(std::string_view path);

// What the writer of the unknown `path` may have meant, as it would be written
// in that place: a key or group of the same group, else a whole path from
// elsewhere; empty if nothing is near.
std::string SuggestConfigKey(const std::string& path);

// The table as Markdown, for docs/.
std::string ConfigKeyReference();

}  // namespace keel

#endif  // KEEL_COMMON_CONFIG_CONFIG_KEY_H_
