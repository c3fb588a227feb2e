// Virtual time: what happens when, in one order that follows from what was
// scheduled.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_EVENT_QUEUE_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_EVENT_QUEUE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "common/clock.h"

namespace keel::testing {

// Events of one time run in the order in which they were scheduled. An event
// may run others (RunUntil) while it waits, as a thread would. Not
// thread-safe.
class EventQueue : public Clock {
 public:
  using Event = std::function<void()>;

  absl::Time Now() const override { return now_; }
  // Of virtual time since the start.
  absl::Duration Elapsed() const { return now_ - kStart; }

  void After(absl::Duration delay, Event event) {
    events_.emplace(std::pair(now_ + delay, ++count_), std::move(event));
  }
  // Runs the next event; false: there is none.
  bool RunOne();
  // Runs all events up to `time`, and sets the clock to it unless they have
  // moved it on.
  void RunUntil(absl::Time time);
  // Events run so far.
  int64_t run_count() const { return run_count_; }

 private:
  static constexpr absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

  absl::Time now_ = kStart;
  int64_t count_ = 0;
  int64_t run_count_ = 0;
  std::map<std::pair<absl::Time, int64_t>, Event> events_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_EVENT_QUEUE_H_
