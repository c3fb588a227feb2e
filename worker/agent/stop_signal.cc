#include "worker/agent/stop_signal.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"

namespace keel {

void StopSignal::RequestLocked(std::string_view reason) {
  if (requested_.HasBeenNotified()) return;
  reason_ = std::string(reason);
  requested_.Notify();
}

void StopSignal::Request(std::string_view reason) {
  absl::MutexLock lock(&mu_);
  RequestLocked(reason);
}

void StopSignal::Cancel(std::string_view reason) {
  absl::MutexLock lock(&mu_);
  RequestLocked(reason);
  if (cancelled_.HasBeenNotified()) return;
  cancel_time_ = SteadyNow();
  cancelled_.Notify();
}

std::string StopSignal::reason() const {
  absl::MutexLock lock(&mu_);
  return reason_;
}

absl::Time StopSignal::cancel_time() const {
  absl::MutexLock lock(&mu_);
  return cancel_time_;
}

bool StopSignal::Poll() const {
  absl::MutexLock lock(&mu_);
  const absl::Time now = SteadyNow();
  longest_pause_ = std::max(longest_pause_, now - last_poll_);
  last_poll_ = now;
  progressed_ = true;
  return requested_.HasBeenNotified();
}

absl::Duration StopSignal::longest_pause() const {
  absl::MutexLock lock(&mu_);
  return longest_pause_;
}

void StopSignal::NoteProgress() {
  absl::MutexLock lock(&mu_);
  progressed_ = true;
}

bool StopSignal::TakeProgress() {
  absl::MutexLock lock(&mu_);
  return std::exchange(progressed_, false);
}

}  // namespace keel
