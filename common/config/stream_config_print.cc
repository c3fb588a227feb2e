#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/config/config_key.h"
#include "common/config/config_value.h"
#include "common/config/stream_config.h"

namespace keel {

std::string StreamConfigToYaml(const v1::StreamConfig& config) {
  std::string yaml;
  std::vector<std::string> open;
  for (const ConfigKey& key : ConfigKeys()) {
    // Only zeros that are defaults stand for a value (train.seed).
    const bool zero_default =
        key.fallback == "0" || key.unit == ConfigUnit::kCountOrAll;
    if (!HasConfigField(key)) continue;
    if (!HasConfigValue(key, config) && !zero_default) continue;
    std::vector<std::string> sections = absl::StrSplit(key.path, '.');
    const std::string leaf = sections.back();
    sections.pop_back();
    size_t common = 0;
    while (common < open.size() && common < sections.size() &&
           open[common] == sections[common]) {
      ++common;
    }
    for (size_t i = common; i < sections.size(); ++i) {
      absl::StrAppend(&yaml, std::string(2 * i, ' '), sections[i], ":\n");
    }
    absl::StrAppend(&yaml, std::string(2 * sections.size(), ' '), leaf, ": ",
                    ConfigValueText(key, config), "\n");
    open = std::move(sections);
  }
  return yaml;
}

}  // namespace keel
