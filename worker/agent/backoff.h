// Pauses between tries, and which errors are worth another try.
#ifndef KEEL_WORKER_AGENT_BACKOFF_H_
#define KEEL_WORKER_AGENT_BACKOFF_H_

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace keel {

// Doubling pauses with full jitter in their upper half, so that workers that
// lost the same coordinator do not come back in one instant. Not thread-safe.
class Backoff {
 public:
  struct Options {
    absl::Duration initial = absl::Milliseconds(100);
    absl::Duration max = absl::Seconds(2);
    // INVALID_ARGUMENT: not positive, or max below initial.
    absl::Status Validate() const;
  };

  explicit Backoff(const Options& options)
      : options_(options), next_(options.initial) {}

  absl::Duration Next();
  // After a success.
  void Reset() { next_ = options_.initial; }

 private:
  const Options options_;
  absl::Duration next_;
  absl::BitGen random_;
};

// True for what a coordinator that is away, restarts or is overloaded gives.
bool IsTransient(const absl::Status& status);

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_BACKOFF_H_
