#include "coordinator/client/error_text.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/string_view.h"

namespace keel {

std::string ErrorLine(const absl::Status& status) {
  const std::string reason = ReasonOf(status).reason;
  return absl::StrCat("keel: ", status.message(),
                      reason.empty() ? "" : absl::StrCat(" [", reason, "]"));
}

absl::Status WithPrefix(std::string_view prefix, const absl::Status& status) {
  absl::Status named(status.code(),
                     absl::StrCat(ToAbsl(prefix), ": ", status.message()));
  status.ForEachPayload([&named](auto type, const absl::Cord& payload) {
    named.SetPayload(type, payload);
  });
  return named;
}

}  // namespace keel
