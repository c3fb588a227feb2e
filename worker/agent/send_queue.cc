#include "worker/agent/send_queue.h"

#include <algorithm>
#include <utility>

#include "common/clock.h"

namespace keel {
namespace {

// How often a wait looks whether it was stopped from outside.
constexpr absl::Duration kStopCheck = absl::Milliseconds(50);

}  // namespace

void SendQueue::BeginStream() {
  absl::MutexLock lock(&mu_);
  line_ = Line::kHello;
}

void SendQueue::Open() {
  absl::MutexLock lock(&mu_);
  if (line_ == Line::kHello) line_ = Line::kOpen;
}

void SendQueue::EndStream() {
  absl::MutexLock lock(&mu_);
  line_ = Line::kDown;
  requests_.clear();
  reports_.Rewind();
  const absl::Time settled = SteadyNow() - options_.settle_after;
  std::erase_if(outcomes_, [&](const Outcome& outcome) {
    return outcome.sent <= settled;
  });
  for (Outcome& outcome : outcomes_) outcome.sent = absl::InfiniteFuture();
}

const SendQueue::Outcome* SendQueue::FirstUnsent() const {
  for (const Outcome& outcome : outcomes_) {
    if (outcome.sent == absl::InfiniteFuture()) return &outcome;
  }
  return nullptr;
}

bool SendQueue::ReportsDue() const {
  if (reports_.unsent() == 0) return false;
  return finishing_ || FirstUnsent() != nullptr ||
         reports_.unsent() >= ReportQueue::kBatch ||
         SteadyNow() >= last_batch_ + options_.report_interval;
}

bool SendQueue::HasMessage() const {
  return line_ == Line::kOpen &&
         (!requests_.empty() || ReportsDue() || FirstUnsent() != nullptr ||
          farewell_.has_value());
}

bool SendQueue::IsOver() const {
  return line_ == Line::kDown ||
         (line_ == Line::kOpen && finishing_ && !HasMessage());
}

absl::Time SendQueue::WakeTime(absl::Time deadline) const {
  // Collected reports become due by time alone, which wakes nobody.
  if (line_ != Line::kOpen || reports_.unsent() == 0) return deadline;
  return std::min(deadline, last_batch_ + options_.report_interval);
}

bool SendQueue::CanProceed() const { return HasMessage() || IsOver(); }

v1::WorkerMessage SendQueue::Take() {
  v1::WorkerMessage message;
  if (!requests_.empty()) {
    *message.mutable_store_request() = std::move(requests_.front());
    requests_.pop_front();
  } else if (reports_.unsent() > 0 && ReportsDue()) {
    *message.mutable_step_reports() = reports_.NextBatch();
    last_batch_ = SteadyNow();
  } else if (const Outcome* unsent = FirstUnsent(); unsent != nullptr) {
    message = unsent->message;
    outcomes_[unsent - outcomes_.data()].sent = SteadyNow();
  } else {
    *message.mutable_leaving() = *std::exchange(farewell_, std::nullopt);
  }
  return message;
}

absl::StatusOr<v1::WorkerMessage> SendQueue::Next(absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  while (!CanProceed() && SteadyNow() < deadline) {
    mu_.AwaitWithTimeout(absl::Condition(this, &SendQueue::CanProceed),
                         WakeTime(deadline) - SteadyNow());
  }
  if (HasMessage()) return Take();
  if (IsOver()) return absl::CancelledError("the stream is over");
  return absl::DeadlineExceededError("nothing to send");
}

bool SendQueue::PushRequest(v1::StoreRequest request) {
  absl::MutexLock lock(&mu_);
  if (line_ != Line::kOpen) return false;
  requests_.push_back(std::move(request));
  return true;
}

void SendQueue::BeginReports(int64_t generation) {
  absl::MutexLock lock(&mu_);
  reports_.Begin(generation);
}

void SendQueue::AddReport(int64_t generation, v1::StepReport report) {
  absl::MutexLock lock(&mu_);
  reports_.Add(generation, std::move(report));
}

absl::Status SendQueue::WaitForAcknowledgement(int64_t generation,
                                               int64_t step_count,
                                               const absl::Notification& stop) {
  absl::MutexLock lock(&mu_);
  const auto acknowledged = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return reports_.generation() != generation ||
           reports_.AcknowledgedBelow(step_count);
  };
  while (!acknowledged()) {
    if (stop.HasBeenNotified()) return absl::CancelledError("stopped");
    mu_.AwaitWithTimeout(absl::Condition(&acknowledged), kStopCheck);
  }
  return absl::OkStatus();
}

void SendQueue::AddOutcome(v1::WorkerMessage outcome, JobPosition position) {
  absl::MutexLock lock(&mu_);
  if (position.generation != 0 && position.generation == given_up_) return;
  // A new outcome means that orders came after the older ones were heard.
  std::erase_if(outcomes_, [](const Outcome& old) {
    return old.sent != absl::InfiniteFuture();
  });
  outcomes_.push_back({std::move(outcome), std::move(position)});
}

void SendQueue::Acknowledge(const v1::StepAck& ack) {
  absl::MutexLock lock(&mu_);
  reports_.Acknowledge(ack.generation(), ack.step_count());
}

void SendQueue::Drop(int64_t generation) {
  absl::MutexLock lock(&mu_);
  given_up_ = generation;
  if (reports_.generation() == generation) reports_.Begin(0);
  std::erase_if(outcomes_, [&](const Outcome& outcome) {
    return outcome.position.generation == generation;
  });
}

std::optional<JobPosition> SendQueue::NewestOutcome() const {
  absl::MutexLock lock(&mu_);
  if (outcomes_.empty()) return std::nullopt;
  return outcomes_.back().position;
}

void SendQueue::Finish(v1::Leaving farewell) {
  absl::MutexLock lock(&mu_);
  if (finishing_) return;
  farewell_ = std::move(farewell);
  finishing_ = true;
}

}  // namespace keel
