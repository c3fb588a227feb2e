// Errors as the command line tells them. Pure.
#ifndef KEEL_COORDINATOR_CLIENT_ERROR_TEXT_H_
#define KEEL_COORDINATOR_CLIENT_ERROR_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keel {

// The line for stderr: "keel: MESSAGE [REASON]", without the brackets if the
// status has no reason.
std::string ErrorLine(const absl::Status& status);

// The same error, its reason included, with "PREFIX: " before its message.
absl::Status WithPrefix(std::string_view prefix, const absl::Status& status);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_ERROR_TEXT_H_
