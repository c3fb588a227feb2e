// Captions of .txt and .json entries. Thread-safe.
#ifndef KEEL_COMMON_SHARD_CAPTION_H_
#define KEEL_COMMON_SHARD_CAPTION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keel {

// A caption and its place in a .json entry: kCaptionString or a position in
// the "captions" list.
struct JsonCaption {
  std::string text;
  int position = 0;
};

// The caption of a .txt entry: all of it but the line ends (\r, \n) at its end.
std::string_view CaptionOfText(std::string_view entry);

// The captions of a .json entry, an object: those of "captions", a list of
// strings, and of "caption", a string; both are optional, and null is as good
// as absent. Other members are ignored.
// INVALID_ARGUMENT: no JSON object, or a caption of another type.
absl::StatusOr<std::vector<JsonCaption>> CaptionsOfJson(std::string_view entry);

// Reads one caption back from the bytes of its entry; `json_position` is the
// one of its index (storage.proto).
// INVALID_ARGUMENT: the entry has no such caption, or it is not UTF-8.
absl::StatusOr<std::string> CaptionFromEntry(std::string_view entry_bytes,
                                             int json_position);

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_CAPTION_H_
