#include "coordinator/services/outbox.h"

#include <utility>

namespace keel {

bool Outbox::Push(v1::CoordinatorMessage message) {
  const size_t size = message.ByteSizeLong();
  absl::MutexLock lock(&mu_);
  if (closed_ || bytes_ + size > max_bytes_) return false;
  bytes_ += size;
  messages_.push_back(std::move(message));
  return true;
}

std::optional<v1::CoordinatorMessage> Outbox::Pop() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &Outbox::Ready));
  if (messages_.empty()) return std::nullopt;
  v1::CoordinatorMessage message = std::move(messages_.front());
  messages_.pop_front();
  bytes_ -= message.ByteSizeLong();
  return message;
}

void Outbox::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

}  // namespace keel
