// A bounded queue of messages to one worker, between whoever decides and the
// thread that writes the stream. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_OUTBOX_H_
#define KEEL_COORDINATOR_SERVICES_OUTBOX_H_

#include <cstddef>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "keel/v1/worker.pb.h"

namespace keel {

class Outbox {
 public:
  explicit Outbox(size_t max_bytes) : max_bytes_(max_bytes) {}

  // False: the queue is closed, or this message does not fit (a worker that
  // reads so slowly is as good as lost).
  bool Push(v1::CoordinatorMessage message);
  // Blocks for the next message; nullopt once closed and empty.
  std::optional<v1::CoordinatorMessage> Pop();
  // What is queued is still handed out.
  void Close();

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return closed_ || !messages_.empty();
  }

  const size_t max_bytes_;
  absl::Mutex mu_;
  std::deque<v1::CoordinatorMessage> messages_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_OUTBOX_H_
