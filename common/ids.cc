#include "common/ids.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/reason.h"
#include "common/string_view.h"
#include "common/utf8.h"

namespace keel {
namespace {

constexpr size_t kMaxNameLength = 63;

bool IsAlphanumeric(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c);
}

}  // namespace

std::string RandomId() {
  std::string bytes(16, '\0');
  // Up to 256 bytes come whole or not at all (getrandom(2)).
  if (getrandom(bytes.data(), bytes.size(), 0) !=
      static_cast<ssize_t>(bytes.size())) {
    LogError("the system gives no random bytes");
    std::abort();
  }
  return absl::BytesToHexString(bytes);
}

absl::Status ValidateName(std::string_view what, std::string_view name) {
  const bool legal = !name.empty() && name.size() <= kMaxNameLength &&
                     IsAlphanumeric(name[0]) &&
                     std::all_of(name.begin(), name.end(), [](char c) {
                       return IsAlphanumeric(c) || c == '-';
                     });
  if (legal) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          ToAbsl(what),
          " must be 1 to 63 characters of a-z, 0-9 and '-', not '-' first, "
          "got '",
          ToValidUtf8(name, 100), "'")),
      {"NAME", {}});
}

std::string SlugFromDisplayName(std::string_view display_name) {
  std::string slug = absl::AsciiStrToLower(ToAbsl(display_name));
  if (absl::EndsWith(slug, ".tar")) slug.resize(slug.size() - 4);
  std::replace_if(
      slug.begin(), slug.end(), [](char c) { return !IsAlphanumeric(c); }, '-');
  slug.resize(std::min(slug.size(), kMaxNameLength));
  // A name starts with a letter or digit.
  if (slug.empty()) return "probe";
  if (slug[0] == '-') slug[0] = 'x';
  return slug;
}

}  // namespace keel
