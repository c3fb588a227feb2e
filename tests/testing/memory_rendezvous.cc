#include "tests/testing/memory_rendezvous.h"

#include <cstdlib>

#include "common/status_macros.h"

namespace keel::testing {

void MemoryRendezvous::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

absl::Status MemoryRendezvous::Open() const {
  return closed_ ? absl::AbortedError("the store is closed") : absl::OkStatus();
}

absl::Status MemoryRendezvous::Set(const std::string& key,
                                   std::string_view value) {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(Open());
  values_[key] = std::string(value);
  return absl::OkStatus();
}

absl::StatusOr<std::string> MemoryRendezvous::Get(const std::string& key,
                                                  absl::Duration timeout) {
  KEEL_RETURN_IF_ERROR(Wait({key}, timeout));
  absl::MutexLock lock(&mu_);
  return values_[key];
}

absl::StatusOr<int64_t> MemoryRendezvous::Add(const std::string& key,
                                              int64_t amount) {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(Open());
  const int64_t sum = std::atoll(values_[key].c_str()) + amount;
  values_[key] = std::to_string(sum);
  return sum;
}

absl::StatusOr<bool> MemoryRendezvous::Check(
    const std::vector<std::string>& keys) {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(Open());
  return HasAll(keys);
}

absl::Status MemoryRendezvous::Wait(const std::vector<std::string>& keys,
                                    absl::Duration timeout) {
  const auto ready = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ || HasAll(keys);
  };
  absl::MutexLock lock(&mu_);
  const bool in_time = mu_.AwaitWithTimeout(absl::Condition(&ready), timeout);
  KEEL_RETURN_IF_ERROR(Open());
  return in_time ? absl::OkStatus()
                 : absl::DeadlineExceededError("keys are missing");
}

absl::StatusOr<bool> MemoryRendezvous::Delete(const std::string& key) {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(Open());
  return values_.erase(key) == 1;
}

absl::StatusOr<int64_t> MemoryRendezvous::Count() {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(Open());
  return static_cast<int64_t>(values_.size());
}

absl::StatusOr<std::string> MemoryRendezvous::CompareSet(
    const std::string& key, std::string_view expected, std::string_view value) {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(Open());
  const auto it = values_.find(key);
  if (it == values_.end() ? expected.empty() : it->second == expected) {
    values_[key] = std::string(value);
  }
  const auto now = values_.find(key);
  return now == values_.end() ? std::string(expected) : now->second;
}

bool MemoryRendezvous::HasAll(const std::vector<std::string>& keys) const {
  for (const std::string& key : keys) {
    if (values_.count(key) == 0) return false;
  }
  return true;
}

}  // namespace keel::testing
