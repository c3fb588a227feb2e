// The system calls that files are made of, with their errors as statuses.
// Thread-safe.
#ifndef KEEL_COMMON_POSIX_CALLS_H_
#define KEEL_COMMON_POSIX_CALLS_H_

#include <cerrno>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keel {

// "cannot WHAT PATH" with the code of the system's error. INTERNAL where that
// would blame whoever asked for a state of this machine: INVALID_ARGUMENT,
// FAILED_PRECONDITION and UNIMPLEMENTED are for a path that is wrong in itself.
absl::Status FailedCall(const char* what, const std::string& path,
                        int error = errno);
// open(2), closed on exec, with mode 0644; below 0: errno says why.
int OpenRetrying(const std::string& path, int flags);
absl::Status WriteAll(int fd, std::string_view data, const std::string& path);

}  // namespace keel

#endif  // KEEL_COMMON_POSIX_CALLS_H_
