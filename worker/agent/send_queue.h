// Everything that waits to go up the Attach stream, in the order in which it
// may go.
#ifndef KEEL_WORKER_AGENT_SEND_QUEUE_H_
#define KEEL_WORKER_AGENT_SEND_QUEUE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "keel/v1/worker.pb.h"
#include "worker/agent/job_position.h"
#include "worker/agent/report_queue.h"

namespace keel {

// Rendezvous requests go first and die with their stream. Step reports follow
// and are sent again on the next stream until acknowledged. Outcomes (a group
// or task ended) come after the reports, and are sent again if their stream
// broke so soon that they may have been lost. Thread-safe.
class SendQueue {
 public:
  struct Options {
    // Reports are collected this long, or until a batch is full.
    absl::Duration report_interval = absl::Milliseconds(100);
    // A stream that outlived an outcome by this much has delivered it: longer
    // than a connection can be dead without being noticed.
    absl::Duration settle_after = absl::Seconds(20);
  };
  explicit SendQueue(const Options& options) : options_(options) {}

  // ---- for the line ------------------------------------------------------
  // A stream begins; nothing is handed out before Open.
  void BeginStream() ABSL_LOCKS_EXCLUDED(mu_);
  // The coordinator said welcome.
  void Open() ABSL_LOCKS_EXCLUDED(mu_);
  // The stream is lost: drops requests, keeps what must be sent again.
  void EndStream() ABSL_LOCKS_EXCLUDED(mu_);
  // The next message. DEADLINE_EXCEEDED: none until then. CANCELLED: the
  // stream ended, or everything was sent after Finish.
  absl::StatusOr<v1::WorkerMessage> Next(absl::Time deadline)
      ABSL_LOCKS_EXCLUDED(mu_);

  // ---- for the jobs ------------------------------------------------------
  // False: there is no open stream.
  bool PushRequest(v1::StoreRequest request) ABSL_LOCKS_EXCLUDED(mu_);
  void BeginReports(int64_t generation) ABSL_LOCKS_EXCLUDED(mu_);
  void AddReport(int64_t generation, v1::StepReport report)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Blocks until the steps below `step_count` are in the ledger; CANCELLED
  // once `stop` is notified.
  absl::Status WaitForAcknowledgement(int64_t generation, int64_t step_count,
                                      const absl::Notification& stop)
      ABSL_LOCKS_EXCLUDED(mu_);
  // `position`: of the job that ended.
  void AddOutcome(v1::WorkerMessage outcome, JobPosition position)
      ABSL_LOCKS_EXCLUDED(mu_);

  // ---- for the agent -----------------------------------------------------
  void Acknowledge(const v1::StepAck& ack) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets reports and outcome, past and future, of a generation that the
  // coordinator gave up.
  void Drop(int64_t generation) ABSL_LOCKS_EXCLUDED(mu_);
  // The newest job whose outcome may not have arrived.
  std::optional<JobPosition> NewestOutcome() const ABSL_LOCKS_EXCLUDED(mu_);
  // Sends what is left, then `farewell`, then nothing more. Only the first
  // farewell counts.
  void Finish(v1::Leaving farewell) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Line { kDown, kHello, kOpen };
  struct Outcome {
    v1::WorkerMessage message;
    JobPosition position;
    // InfiniteFuture: not sent on the present stream.
    absl::Time sent = absl::InfiniteFuture();
  };

  bool HasMessage() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool ReportsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsOver() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Time WakeTime(absl::Time deadline) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CanProceed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  const Outcome* FirstUnsent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  v1::WorkerMessage Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;

  mutable absl::Mutex mu_;
  Line line_ ABSL_GUARDED_BY(mu_) = Line::kDown;
  std::deque<v1::StoreRequest> requests_ ABSL_GUARDED_BY(mu_);
  ReportQueue reports_ ABSL_GUARDED_BY(mu_);
  absl::Time last_batch_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::vector<Outcome> outcomes_ ABSL_GUARDED_BY(mu_);
  // 0: none.
  int64_t given_up_ ABSL_GUARDED_BY(mu_) = 0;
  std::optional<v1::Leaving> farewell_ ABSL_GUARDED_BY(mu_);
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_SEND_QUEUE_H_
