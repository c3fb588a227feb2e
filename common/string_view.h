// Between std::string_view and absl::string_view: Debian's Abseil is built as
// C++14, where they are two types without a conversion. Both ways copy a
// pointer and a length. Thread-safe.
#ifndef KEEL_COMMON_STRING_VIEW_H_
#define KEEL_COMMON_STRING_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace keel {

constexpr absl::string_view ToAbsl(std::string_view text) {
  return {text.data(), text.size()};
}

constexpr std::string_view ToStd(absl::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace keel

#endif  // KEEL_COMMON_STRING_VIEW_H_
