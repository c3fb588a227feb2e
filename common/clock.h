// Time as an argument: whoever decides by the clock is given one.
#ifndef KEEL_COMMON_CLOCK_H_
#define KEEL_COMMON_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keel {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class SystemClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace keel

#endif  // KEEL_COMMON_CLOCK_H_
