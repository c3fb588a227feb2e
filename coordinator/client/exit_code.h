// What the process says to scripts (documented: part of the interface).
#ifndef KEEL_COORDINATOR_CLIENT_EXIT_CODE_H_
#define KEEL_COORDINATOR_CLIENT_EXIT_CODE_H_

#include "absl/status/status.h"

namespace keel {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  // A command line or an input that is wrong in itself.
  kExitUsage = 2,
  kExitNotFound = 3,
  // The coordinator cannot be reached, or did not answer in time.
  kExitUnavailable = 4,
  // Refused: a precondition, a permission, a conflict.
  kExitRefused = 5,
};

ExitCode ExitCodeFor(const absl::Status& status);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_EXIT_CODE_H_
