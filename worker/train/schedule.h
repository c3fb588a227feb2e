// The learning rate over a phase: linear warm-up from zero, then half a
// cosine to zero (docs/training.md). Pure.
#ifndef KEEL_WORKER_TRAIN_SCHEDULE_H_
#define KEEL_WORKER_TRAIN_SCHEDULE_H_

#include <cstdint>

namespace keel {

class LearningRateSchedule {
 public:
  // `warmup` is a share of the steps, 0 to 1; its whole steps count.
  LearningRateSchedule(double peak, double warmup, int64_t step_count);

  // The rate of update `step`, counted from 0: the first update of a phase
  // with a warm-up has rate 0, update warmup_steps() the peak.
  double At(int64_t step) const;
  int64_t warmup_steps() const { return warmup_steps_; }

 private:
  const double peak_;
  const int64_t step_count_;
  const int64_t warmup_steps_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_SCHEDULE_H_
