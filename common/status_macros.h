// Early return on absl::Status errors.
#ifndef KEEL_COMMON_STATUS_MACROS_H_
#define KEEL_COMMON_STATUS_MACROS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define KEEL_CONCAT_INNER(a, b) a##b
#define KEEL_CONCAT(a, b) KEEL_CONCAT_INNER(a, b)

// Returns the status of `expr` from the calling function unless it is OK.
#define KEEL_RETURN_IF_ERROR(expr)                                \
  do {                                                            \
    if (::absl::Status keel_status = (expr); !keel_status.ok()) { \
      return keel_status;                                         \
    }                                                             \
  } while (false)

// Assigns the value of the StatusOr `expr` to `lhs` (which may declare a
// variable), or returns its status.
#define KEEL_ASSIGN_OR_RETURN(lhs, expr) \
  KEEL_ASSIGN_OR_RETURN_IMPL(KEEL_CONCAT(keel_status_or_, __LINE__), lhs, expr)
#define KEEL_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                               \
  if (!tmp.ok()) return std::move(tmp).status();   \
  lhs = std::move(tmp).value()

#endif  // KEEL_COMMON_STATUS_MACROS_H_
