#include "coordinator/services/paging.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/reason.h"

namespace keel {
namespace {

constexpr char kVersion[] = "1:";

absl::Status BadPage(const std::string& what) {
  return WithReason(absl::InvalidArgumentError(what), {"PAGE", {}});
}

}  // namespace

absl::Status BadPageToken() {
  return BadPage("page_token is not one that this server gave");
}

std::string PageToken(const std::string& last_key) {
  return absl::WebSafeBase64Escape(absl::StrCat(kVersion, last_key));
}

absl::Status ParsePage(int page_size, const std::string& page_token, int* size,
                       std::string* after) {
  if (page_size < 0) {
    return BadPage(
        absl::StrCat("page_size must not be negative, got ", page_size));
  }
  *size = page_size == 0 ? kDefaultPageSize : std::min(page_size, kMaxPageSize);
  if (page_token.empty()) return absl::OkStatus();
  std::string token;
  absl::string_view key;
  if (absl::WebSafeBase64Unescape(page_token, &token)) key = token;
  if (!absl::ConsumePrefix(&key, kVersion)) {
    return BadPageToken();
  }
  *after = std::string(key);
  return absl::OkStatus();
}

}  // namespace keel
