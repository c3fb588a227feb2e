#include "worker/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace keel {

LearningRateSchedule::LearningRateSchedule(double peak, double warmup,
                                           int64_t step_count)
    : peak_(peak),
      step_count_(step_count),
      warmup_steps_(
          static_cast<int64_t>(warmup * static_cast<double>(step_count))) {}

double LearningRateSchedule::At(int64_t step) const {
  if (step < warmup_steps_) {
    return peak_ * static_cast<double>(step) /
           static_cast<double>(warmup_steps_);
  }
  const double rest =
      static_cast<double>(std::max<int64_t>(1, step_count_ - warmup_steps_));
  const double done = static_cast<double>(step - warmup_steps_) / rest;
  return peak_ * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * done)));
}

}  // namespace keel
