// Ends a job from outside: first asked to, then made to.
#ifndef KEEL_WORKER_AGENT_STOP_SIGNAL_H_
#define KEEL_WORKER_AGENT_STOP_SIGNAL_H_

#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace keel {

// A request lets the job reach its next step boundary and hand over what it
// has; a cancellation also ends what it waits for, but for what docs/limits.md
// names ("Workers"). Both hold for good, and the first reason stays.
// Thread-safe.
class StopSignal {
 public:
  // For a drain.
  void Request(std::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);
  // For a regroup order or a lost lease: nobody wants the job's work any more.
  void Cancel(std::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

  // Notified by either.
  const absl::Notification& requested() const { return requested_; }
  const absl::Notification& cancelled() const { return cancelled_; }
  std::string reason() const ABSL_LOCKS_EXCLUDED(mu_);
  // When it was cancelled; InfiniteFuture before.
  absl::Time cancel_time() const ABSL_LOCKS_EXCLUDED(mu_);

  // The job's own question, true once it was requested: a group's member asks
  // once a step and whenever it waits in a collective, a task once a batch. The
  // longest pause between two questions bounds how long it may take to notice.
  bool Poll() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration longest_pause() const ABSL_LOCKS_EXCLUDED(mu_);
  // The job comes on without asking: bytes that it waits for arrive.
  void NoteProgress() ABSL_LOCKS_EXCLUDED(mu_);
  // True if the job has asked, or came on, since this was called last.
  bool TakeProgress() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void RequestLocked(std::string_view reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Notification requested_;
  absl::Notification cancelled_;

  mutable absl::Mutex mu_;
  std::string reason_ ABSL_GUARDED_BY(mu_);
  absl::Time cancel_time_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  mutable absl::Time last_poll_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  mutable absl::Duration longest_pause_ ABSL_GUARDED_BY(mu_);
  mutable bool progressed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_STOP_SIGNAL_H_
