#include "common/shard/pax_records.h"

#include <charconv>
#include <cstddef>
#include <system_error>

#include "absl/status/statusor.h"
#include "common/shard/tar_header.h"
#include "common/status_macros.h"

namespace keel {
namespace {

absl::Status Malformed() {
  return absl::InvalidArgumentError("an extended header record is malformed");
}

absl::StatusOr<int64_t> ParseDecimal(std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || value < 0) return Malformed();
  return value;
}

// Takes the first record off `records`; returns its "KEY=VALUE".
absl::StatusOr<std::string_view> TakeRecord(std::string_view* records) {
  const size_t blank = records->find(' ');
  if (blank == std::string_view::npos) return Malformed();
  KEEL_ASSIGN_OR_RETURN(const int64_t length,
                        ParseDecimal(records->substr(0, blank)));
  if (length < static_cast<int64_t>(blank) + 2 ||
      length > static_cast<int64_t>(records->size()) ||
      (*records)[length - 1] != '\n') {
    return Malformed();
  }
  const std::string_view body = records->substr(blank + 1, length - blank - 2);
  records->remove_prefix(length);
  return body;
}

absl::Status ApplyPath(std::string_view value, PaxOverrides* overrides) {
  if (value.find('\0') != std::string_view::npos) return Malformed();
  overrides->path.reset();
  if (!value.empty()) overrides->path = std::string(value);
  return absl::OkStatus();
}

absl::Status ApplySize(std::string_view value, PaxOverrides* overrides) {
  overrides->size.reset();
  if (value.empty()) return absl::OkStatus();
  KEEL_ASSIGN_OR_RETURN(overrides->size, ParseDecimal(value));
  return *overrides->size > kMaxTarEntryBytes ? Malformed() : absl::OkStatus();
}

absl::Status ApplyRecord(std::string_view body, PaxOverrides* overrides) {
  const size_t equals = body.find('=');
  if (equals == 0 || equals == std::string_view::npos) return Malformed();
  const std::string_view key = body.substr(0, equals);
  const std::string_view value = body.substr(equals + 1);
  if (key == "path") return ApplyPath(value, overrides);
  if (key == "size") return ApplySize(value, overrides);
  if (key.starts_with("GNU.sparse.")) overrides->sparse = true;
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyPaxRecords(std::string_view records,
                             PaxOverrides* overrides) {
  while (!records.empty()) {
    KEEL_ASSIGN_OR_RETURN(const std::string_view body, TakeRecord(&records));
    KEEL_RETURN_IF_ERROR(ApplyRecord(body, overrides));
  }
  return absl::OkStatus();
}

}  // namespace keel
