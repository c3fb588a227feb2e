#include "worker/agent/report_queue.h"

#include <utility>

namespace keel {

void ReportQueue::Begin(int64_t generation) {
  generation_ = generation;
  reports_.clear();
  sent_ = 0;
}

void ReportQueue::Add(int64_t generation, v1::StepReport report) {
  if (generation == generation_) reports_.push_back(std::move(report));
}

void ReportQueue::Acknowledge(int64_t generation, int64_t step_count) {
  if (generation != generation_) return;
  while (!reports_.empty() && reports_.front().step() < step_count) {
    reports_.pop_front();
    if (sent_ > 0) --sent_;
  }
}

v1::StepReports ReportQueue::NextBatch() {
  v1::StepReports batch;
  batch.set_generation(generation_);
  while (sent_ < reports_.size() && batch.steps_size() < kBatch) {
    *batch.add_steps() = reports_[sent_++];
  }
  return batch;
}

bool ReportQueue::AcknowledgedBelow(int64_t step_count) const {
  return reports_.empty() || reports_.front().step() >= step_count;
}

}  // namespace keel
