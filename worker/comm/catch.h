// The one place where exceptions of LibTorch, Gloo and NCCL end.
#ifndef KEEL_WORKER_COMM_CATCH_H_
#define KEEL_WORKER_COMM_CATCH_H_

#include <functional>

#include "absl/status/status.h"

namespace keel {

// Runs `body`. An exception becomes a status of `code` that begins with
// `what`; out of memory is RESOURCE_EXHAUSTED whatever the code. Thread-safe.
absl::Status Catch(absl::StatusCode code, const char* what,
                   const std::function<void()>& body);

// The same for a body that has a status of its own.
absl::Status CatchStatus(absl::StatusCode code, const char* what,
                         const std::function<absl::Status()>& body);

}  // namespace keel

#endif  // KEEL_WORKER_COMM_CATCH_H_
