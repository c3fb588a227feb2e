// How long to wait before what failed is tried again. Pure.
#ifndef KEEL_COORDINATOR_CORE_RETRY_PAUSE_H_
#define KEEL_COORDINATOR_CORE_RETRY_PAUSE_H_

#include <algorithm>

#include "absl/time/time.h"

namespace keel {

// After the `failure_count`-th failure, from 1: a second, doubled with every
// further one, up to half a minute.
inline absl::Duration RetryPause(int failure_count) {
  return std::min(absl::Seconds(30),
                  absl::Seconds(1 << std::min(failure_count - 1, 5)));
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_RETRY_PAUSE_H_
