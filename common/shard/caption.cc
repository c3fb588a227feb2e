#include "common/shard/caption.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/shard/shard_types.h"
#include "common/status_macros.h"
#include "common/utf8.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

using nlohmann::json;

// Nothing below a list of captions is kept, so that neither the depth nor the
// number of other values costs memory.
json ParseShallow(std::string_view entry) {
  constexpr int kDeepest = 2;
  const auto keep = [](int depth, json::parse_event_t, const json&) {
    return depth <= kDeepest;
  };
  return json::parse(entry.begin(), entry.end(), keep,
                     /*allow_exceptions=*/false);
}

const json* FindMember(const json& object, const char* name) {
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

absl::Status AddCaptionList(const json& list,
                            std::vector<JsonCaption>* result) {
  if (!list.is_array()) {
    return absl::InvalidArgumentError("\"captions\" is not a list");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("element ", i, " of \"captions\" is not a string"));
    }
    result->push_back({list[i].get<std::string>(), static_cast<int>(i)});
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view CaptionOfText(std::string_view entry) {
  while (!entry.empty() && (entry.back() == '\n' || entry.back() == '\r')) {
    entry.remove_suffix(1);
  }
  return entry;
}

absl::StatusOr<std::vector<JsonCaption>> CaptionsOfJson(
    std::string_view entry) {
  const json object = ParseShallow(entry);
  if (!object.is_object()) {
    return absl::InvalidArgumentError("it is not a JSON object in UTF-8");
  }
  std::vector<JsonCaption> result;
  if (const json* list = FindMember(object, "captions")) {
    KEEL_RETURN_IF_ERROR(AddCaptionList(*list, &result));
  }
  if (const json* caption = FindMember(object, "caption")) {
    if (!caption->is_string()) {
      return absl::InvalidArgumentError("\"caption\" is not a string");
    }
    result.push_back({caption->get<std::string>(), kCaptionString});
  }
  return result;
}

absl::StatusOr<std::string> CaptionFromEntry(std::string_view entry_bytes,
                                             int json_position) {
  if (json_position == kCaptionWholeEntry) {
    const std::string_view caption = CaptionOfText(entry_bytes);
    if (!IsValidUtf8(caption)) {
      return absl::InvalidArgumentError("the caption is not UTF-8");
    }
    return std::string(caption);
  }
  KEEL_ASSIGN_OR_RETURN(std::vector<JsonCaption> captions,
                        CaptionsOfJson(entry_bytes));
  for (JsonCaption& caption : captions) {
    if (caption.position == json_position) return std::move(caption.text);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the entry has no caption at position ", json_position));
}

}  // namespace keel
