// Bounds the texts of requests that are stored as they came. Pure.
#ifndef KEEL_COORDINATOR_SERVICES_TEXT_CHECK_H_
#define KEEL_COORDINATOR_SERVICES_TEXT_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/reason.h"

namespace keel {

// Of a request id or a display name: as long as a file's name may be.
inline constexpr size_t kMaxTextBytes = 255;

// INVALID_ARGUMENT (TEXT_TOO_LONG): `text`, the value of `field`, is longer.
inline absl::Status CheckLength(const char* field, const std::string& text) {
  if (text.size() <= kMaxTextBytes) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          field, " has at most ", kMaxTextBytes, " bytes, not ", text.size())),
      {"TEXT_TOO_LONG", {{"field", field}}});
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_TEXT_CHECK_H_
