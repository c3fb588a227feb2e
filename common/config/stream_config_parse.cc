#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config_key.h"
#include "common/config/config_value.h"
#include "common/config/stream_config.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "common/utf8.h"
#include "yaml-cpp/yaml.h"

namespace keel {
namespace {

// Walks one file's tree. May throw YAML::Exception.
class Parser {
 public:
  explicit Parser(std::string_view file_name) : file_name_(file_name) {}

  // `prefix` is the section's path with a final dot, or empty.
  absl::Status ReadSection(const YAML::Node& section,
                           const std::string& prefix);
  absl::Status CheckTogether() const;
  StreamConfigFile Take() { return std::move(result_); }

  absl::Status Error(const YAML::Mark& mark, const std::string& problem,
                     std::string_view reason = kConfigSyntax) const {
    return WithReason(
        absl::InvalidArgumentError(
            absl::StrCat(file_name_, ":", mark.line + 1, ": ",
                         ToValidUtf8(problem, kMaxMessageBytes))),
        {std::string(reason),
         {{"file", file_name_}, {"line", absl::StrCat(mark.line + 1)}}});
  }

 private:
  static constexpr size_t kMaxMessageBytes = 500;

  absl::Status ReadEntry(const YAML::Node& key_node, const YAML::Node& value,
                         const std::string& path);
  absl::Status ReadValue(const ConfigKey& key, const std::string& text);
  void SetPath(const ConfigKey& key, const std::string& text);

  const std::string file_name_;
  StreamConfigFile result_;
};

absl::Status Parser::ReadSection(const YAML::Node& section,
                                 const std::string& prefix) {
  std::set<std::string> seen;
  for (const auto& entry : section) {
    if (!entry.first.IsScalar()) {
      return Error(entry.first.Mark(), "a key must be a plain word");
    }
    const std::string path = prefix + entry.first.Scalar();
    if (!seen.insert(path).second) {
      return Error(entry.first.Mark(),
                   absl::StrCat("key '", path, "' stands here twice"));
    }
    KEEL_RETURN_IF_ERROR(ReadEntry(entry.first, entry.second, path));
  }
  return absl::OkStatus();
}

// The value as SetConfigValue takes it; none if it has no such form.
std::optional<std::string> TextOf(const ConfigKey& key,
                                  const YAML::Node& value) {
  if (value.IsScalar()) return value.Scalar();
  if (key.unit != ConfigUnit::kIntegers || !value.IsSequence()) {
    return std::nullopt;
  }
  std::vector<std::string> items;
  for (const YAML::Node& item : value) {
    if (!item.IsScalar()) return std::nullopt;
    items.push_back(item.Scalar());
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

absl::Status Parser::ReadEntry(const YAML::Node& key_node,
                               const YAML::Node& value,
                               const std::string& path) {
  if (IsConfigSection(path)) {
    // A section whose lines are all commented out.
    if (value.IsNull()) return absl::OkStatus();
    if (value.IsMap()) return ReadSection(value, path + ".");
    return Error(key_node.Mark(), absl::StrCat("'", path, "' must be a map"));
  }
  const ConfigKey* const key = FindConfigKey(path);
  if (key == nullptr) {
    const std::string nearest = SuggestConfigKey(path);
    return Error(key_node.Mark(),
                 absl::StrCat("unknown key '", path, "'",
                              nearest.empty() ? ""
                                              : absl::StrCat("; did you mean '",
                                                             nearest, "'?")),
                 kConfigKey);
  }
  std::optional<std::string> text = TextOf(*key, value);
  if (!text.has_value()) {
    return Error(key_node.Mark(),
                 absl::StrCat("'", path, "' must have one value"));
  }
  const absl::Status status = ReadValue(*key, *text);
  return status.ok()
             ? status
             : Error(value.Mark(), std::string(status.message()), kConfigValue);
}

absl::Status Parser::ReadValue(const ConfigKey& key, const std::string& text) {
  if (key.unit == ConfigUnit::kFile) {
    SetPath(key, text);
    return absl::OkStatus();
  }
  // Presets have a message of their own.
  if (key.path == "model.preset") {
    KEEL_RETURN_IF_ERROR(ModelPreset(text).status());
  }
  KEEL_RETURN_IF_ERROR(SetConfigValue(key, text, &result_.config));
  return CheckConfigValue(key, result_.config);
}

void Parser::SetPath(const ConfigKey& key, const std::string& text) {
  (key.path == "initial.checkpoint" ? result_.initial_checkpoint_path
                                    : result_.open_clip_config_path) = text;
}

absl::Status Parser::CheckTogether() const {
  if (result_.config.has_model() && !result_.open_clip_config_path.empty()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            file_name_,
            ": model.open_clip_config describes the whole model; give "
            "no other key of 'model' with it")),
        {std::string(kConfigValue), {{"file", file_name_}}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StreamConfigFile> ParseStreamConfig(std::string_view yaml,
                                                   std::string_view file_name) {
  Parser parser(file_name);
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    if (!root.IsNull() && !root.IsMap()) {
      return parser.Error(root.Mark(), "must be a map of sections");
    }
    KEEL_RETURN_IF_ERROR(parser.ReadSection(root, ""));
  } catch (const YAML::Exception& error) {
    return parser.Error(error.mark, error.msg);
  }
  KEEL_RETURN_IF_ERROR(parser.CheckTogether());
  return parser.Take();
}

}  // namespace keel
