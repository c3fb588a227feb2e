#include "worker/checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace keel {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "tensors are stored as they lie in memory");

constexpr char kMetadataKey[] = "__metadata__";

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 7> kTypes = {{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"U8", at::kByte},
}};

absl::Status Bad(const std::string& tensor, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor \"", tensor, "\": ", what));
}

// Sizes above the largest file are as wrong as negative ones.
absl::StatusOr<int64_t> Size(const std::string& tensor, const Json& json,
                             const char* what) {
  if (!json.is_number_unsigned() ||
      json.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
    return Bad(tensor, absl::StrCat(what, " is not a size"));
  }
  return json.get<int64_t>();
}

absl::Status ParseType(const Json& json, TensorEntry& entry) {
  if (!json.contains("dtype") || !json.at("dtype").is_string()) {
    return Bad(entry.name, "no dtype");
  }
  const std::string name = json.at("dtype").get<std::string>();
  for (const auto& [known, type] : kTypes) {
    if (known != name) continue;
    entry.type = type;
    return absl::OkStatus();
  }
  return Bad(entry.name, absl::StrCat("unsupported dtype ", name));
}

absl::Status ParseShape(const Json& json, TensorEntry& entry) {
  if (!json.contains("shape") || !json.at("shape").is_array()) {
    return Bad(entry.name, "no shape");
  }
  for (const Json& size : json.at("shape")) {
    KEEL_ASSIGN_OR_RETURN(entry.shape.emplace_back(),
                          Size(entry.name, size, "an axis"));
  }
  return absl::OkStatus();
}

absl::Status ParseOffsets(const Json& json, TensorEntry& entry) {
  if (!json.contains("data_offsets") || !json.at("data_offsets").is_array() ||
      json.at("data_offsets").size() != 2) {
    return Bad(entry.name, "no data_offsets");
  }
  const Json& offsets = json.at("data_offsets");
  KEEL_ASSIGN_OR_RETURN(entry.begin, Size(entry.name, offsets[0], "an offset"));
  KEEL_ASSIGN_OR_RETURN(entry.end, Size(entry.name, offsets[1], "an offset"));
  return absl::OkStatus();
}

// The bytes that the shape asks for; INVALID_ARGUMENT if 64 bits cannot tell.
absl::StatusOr<int64_t> BytesOf(const TensorEntry& entry) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(entry.type));
  bool empty = false;
  for (int64_t size : entry.shape) {
    empty |= size == 0;
    // Strides count an empty axis as one, and must fit, too.
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(size, 1), &bytes)) {
      return Bad(entry.name, "its shape overflows");
    }
  }
  return empty ? 0 : bytes;
}

absl::StatusOr<TensorEntry> ParseEntry(const std::string& name,
                                       const Json& json) {
  TensorEntry entry{name};
  if (!json.is_object()) return Bad(name, "not an object");
  KEEL_RETURN_IF_ERROR(ParseType(json, entry));
  KEEL_RETURN_IF_ERROR(ParseShape(json, entry));
  KEEL_RETURN_IF_ERROR(ParseOffsets(json, entry));
  if (json.size() != 3) return Bad(name, "unknown fields");
  KEEL_ASSIGN_OR_RETURN(const int64_t bytes, BytesOf(entry));
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    return Bad(name, absl::StrCat("its shape needs ", bytes,
                                  " bytes, its offsets give ",
                                  entry.end - entry.begin));
  }
  return entry;
}

absl::Status ParseMetadata(const Json& json,
                           std::map<std::string, std::string>& metadata) {
  if (!json.is_object()) return Bad(kMetadataKey, "not an object");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) {
      return Bad(kMetadataKey, absl::StrCat(key, " is not a string"));
    }
    metadata[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status CheckCoverage(const std::vector<TensorEntry>& entries,
                           int64_t data_bytes) {
  int64_t end = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != end) {
      return Bad(entry.name, absl::StrCat("it begins at byte ", entry.begin,
                                          ", the one before ends at ", end));
    }
    end = entry.end;
  }
  if (end == data_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the header describes ", end,
                   " bytes of tensors, the file has ", data_bytes));
}

// Parses, and refuses a key that stands twice on one level.
absl::StatusOr<Json> ParseStrictly(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys.back().insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  Json json = Json::parse(text, watch, false);
  if (!json.is_object()) {
    return absl::InvalidArgumentError("its header is not a JSON object");
  }
  if (!twice.empty()) return Bad(twice, "stands in the header twice");
  return json;
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(std::string_view json,
                                                         int64_t data_bytes) {
  KEEL_ASSIGN_OR_RETURN(const Json parsed, ParseStrictly(json));
  SafetensorsHeader header;
  for (const auto& [name, value] : parsed.items()) {
    if (name == kMetadataKey) {
      KEEL_RETURN_IF_ERROR(ParseMetadata(value, header.metadata));
      continue;
    }
    KEEL_ASSIGN_OR_RETURN(header.entries.emplace_back(),
                          ParseEntry(name, value));
  }
  std::sort(header.entries.begin(), header.entries.end(),
            [](const TensorEntry& a, const TensorEntry& b) {
              return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
            });
  KEEL_RETURN_IF_ERROR(CheckCoverage(header.entries, data_bytes));
  return header;
}

absl::StatusOr<std::string> FormatSafetensorsHeader(
    const SafetensorsHeader& header) {
  Json json = Json::object();
  if (!header.metadata.empty()) json[kMetadataKey] = header.metadata;
  for (const TensorEntry& entry : header.entries) {
    const auto type = std::find_if(
        kTypes.begin(), kTypes.end(),
        [&](const auto& known) { return known.second == entry.type; });
    if (type == kTypes.end()) return Bad(entry.name, "unsupported type");
    json[entry.name] = {{"dtype", type->first},
                        {"shape", entry.shape},
                        {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string prefix(kSafetensorsPrefixBytes, '\0');
  const uint64_t length = text.size();
  std::memcpy(prefix.data(), &length, sizeof(length));
  return prefix + text;
}

}  // namespace keel
