// Committed steps on their way to the coordinator's ledger.
#ifndef KEEL_WORKER_AGENT_REPORT_QUEUE_H_
#define KEEL_WORKER_AGENT_REPORT_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "keel/v1/worker.pb.h"

namespace keel {

// Keeps the reports of one generation until they are acknowledged: what was
// handed out and not acknowledged is handed out again after Rewind. Not
// thread-safe (SendQueue guards it).
class ReportQueue {
 public:
  // The most reports of one message.
  static constexpr int kBatch = 64;

  // Drops everything; reports of `generation` follow.
  void Begin(int64_t generation);
  int64_t generation() const { return generation_; }
  // Ignored unless it is the present generation.
  void Add(int64_t generation, v1::StepReport report);
  // Steps below `step_count` are durable. Stale generations are ignored.
  void Acknowledge(int64_t generation, int64_t step_count);
  // The stream is a new one: start from the first unacknowledged report.
  void Rewind() { sent_ = 0; }

  size_t unsent() const { return reports_.size() - sent_; }
  // The next unsent ones, at most kBatch; unsent() > 0.
  v1::StepReports NextBatch();
  // True if no report of a step below `step_count` waits for its
  // acknowledgement.
  bool AcknowledgedBelow(int64_t step_count) const;

 private:
  int64_t generation_ = 0;
  std::deque<v1::StepReport> reports_;
  // Handed out on the present stream, from the front.
  size_t sent_ = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_REPORT_QUEUE_H_
