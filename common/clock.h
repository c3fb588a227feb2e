// Time as an argument: whoever decides by the clock is given one.
#ifndef KEEL_COMMON_CLOCK_H_
#define KEEL_COMMON_CLOCK_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keel {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// The wall time at which it was made, plus what has passed since by a clock
// that nobody sets: it never goes back, and a wall clock that is stepped moves
// no timeout and no lease. So it may differ from the wall clock, by what that
// was stepped meanwhile, and two of them from each other.
class SystemClock : public Clock {
 public:
  explicit SystemClock(absl::Time start = absl::Now()) : start_(start) {}
  absl::Time Now() const override {
    return start_ +
           absl::FromChrono(std::chrono::steady_clock::now() - steady_start_);
  }

 private:
  const absl::Time start_;
  const std::chrono::steady_clock::time_point steady_start_ =
      std::chrono::steady_clock::now();
};

// A time for intervals within this process: a wall clock that is stepped does
// not move it. For durations and deadlines of one's own, not to show or send.
inline absl::Time SteadyNow() {
  static const SystemClock clock;
  return clock.Now();
}

}  // namespace keel

#endif  // KEEL_COMMON_CLOCK_H_
