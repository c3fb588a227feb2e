#include "worker/agent/backoff.h"

#include <algorithm>

namespace keel {

absl::Status Backoff::Options::Validate() const {
  if (initial <= absl::ZeroDuration() || max < initial) {
    return absl::InvalidArgumentError(
        "backoff: initial must be positive and not above max");
  }
  return absl::OkStatus();
}

absl::Duration Backoff::Next() {
  const absl::Duration pause = next_ * absl::Uniform(random_, 0.5, 1.0);
  next_ = std::min(next_ * 2, options_.max);
  return pause;
}

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    // A server that shuts down cancels the calls that it has.
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace keel
