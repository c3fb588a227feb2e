// Extended headers of the pax format (POSIX.1-2001): records of the form
// "LENGTH KEY=VALUE\n", LENGTH counting the whole record.
#ifndef KEEL_COMMON_SHARD_PAX_RECORDS_H_
#define KEEL_COMMON_SHARD_PAX_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keel {

// What extended headers say of the entry that follows them.
struct PaxOverrides {
  std::optional<std::string> path;
  std::optional<int64_t> size;
  // The data are a map and the parts that are not zero (GNU.sparse.*).
  bool sparse = false;
};

// Applies all records to `overrides`; an empty value takes a record back;
// unknown keys are skipped.
// INVALID_ARGUMENT: a record that is malformed, or has a bad path or size.
absl::Status ApplyPaxRecords(std::string_view records, PaxOverrides* overrides);

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_PAX_RECORDS_H_
