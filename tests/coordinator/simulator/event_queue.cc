#include "tests/coordinator/simulator/event_queue.h"

#include <algorithm>

namespace keel::testing {

bool EventQueue::RunOne() {
  if (events_.empty()) return false;
  auto next = events_.extract(events_.begin());
  now_ = std::max(now_, next.key().first);
  ++run_count_;
  next.mapped()();
  return true;
}

void EventQueue::RunUntil(absl::Time time) {
  while (!events_.empty() && events_.begin()->first.first <= time) RunOne();
  now_ = std::max(now_, time);
}

}  // namespace keel::testing
