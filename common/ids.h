// Names: which ones are legal, and fresh random ones.
#ifndef KEEL_COMMON_IDS_H_
#define KEEL_COMMON_IDS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keel {

// 128 random bits from the system, as 32 hexadecimal digits.
std::string RandomId();

// [a-z0-9][a-z0-9-]{0,62}; INVALID_ARGUMENT names `what` and the value.
absl::Status ValidateName(std::string_view what, std::string_view name);

// A probe set's name from a display name: lower case, other characters than
// [a-z0-9-] become '-', at most 63 characters, without ".tar".
std::string SlugFromDisplayName(std::string_view display_name);

}  // namespace keel

#endif  // KEEL_COMMON_IDS_H_
