// What `keel-worker eval` measured, for a terminal. Pure; thread-safe.
#ifndef KEEL_COORDINATOR_CLIENT_EVAL_TABLE_H_
#define KEEL_COORDINATOR_CLIENT_EVAL_TABLE_H_

#include <string>

#include "absl/status/statusor.h"

namespace keel {

// `json` as the tool writes it. INVALID_ARGUMENT: something else.
absl::StatusOr<std::string> EvalTable(const std::string& json);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_EVAL_TABLE_H_
