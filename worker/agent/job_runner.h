// Carries out the coordinator's orders, one at a time.
#ifndef KEEL_WORKER_AGENT_JOB_RUNNER_H_
#define KEEL_WORKER_AGENT_JOB_RUNNER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "worker/agent/job.h"

namespace keel {

// Owns the job thread. A new order cancels the job that runs and takes its
// place once it has returned; one order can wait. Thread-safe; no call blocks
// but WaitUntilIdle and the destructor.
class JobRunner {
 public:
  // Given a job and what its end is to be told as. `ran`: on the job thread,
  // after it; else by the caller that kept it from being run.
  using Report =
      std::function<void(const Job& job, v1::WorkerMessage outcome, bool ran)>;

  explicit JobRunner(Report report);
  // Cancels what runs and waits for it.
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // The same order again (a coordinator that was not sure) changes nothing.
  void Submit(std::shared_ptr<Job> job) ABSL_LOCKS_EXCLUDED(mu_);
  // Cancel the job of that generation or task; nothing if there is none.
  void CancelGroup(int64_t generation, std::string_view reason)
      ABSL_LOCKS_EXCLUDED(mu_);
  void CancelTask(const std::string& task_id, std::string_view reason)
      ABSL_LOCKS_EXCLUDED(mu_);
  void CancelAll(std::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);
  // Lets the running job end by itself and refuses every other one.
  void Drain(std::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

  // The job that runs, then the one that waits; empty: idle.
  std::vector<std::shared_ptr<Job>> jobs() const ABSL_LOCKS_EXCLUDED(mu_);
  // True once nothing runs or waits; every end was reported then.
  bool WaitUntilIdle(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // True if the running job was cancelled and has not returned within `grace`
  // or, if longer, twice the longest time that one of its steps took.
  bool IsOverdue(absl::Time now, absl::Duration grace) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return next_ != nullptr || closing_;
  }
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return next_ == nullptr && current_ == nullptr;
  }
  // Takes the waiting job out; the caller refuses it without the lock.
  std::shared_ptr<Job> TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Refuse(const std::shared_ptr<Job>& job, std::string_view reason);

  const Report report_;

  mutable absl::Mutex mu_;
  // Until its end was reported: there is no moment at which a job is neither
  // here nor in the send queue.
  std::shared_ptr<Job> current_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Job> next_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  // Not empty: draining.
  std::string drain_reason_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_JOB_RUNNER_H_
