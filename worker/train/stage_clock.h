// Times the stages of a step for keel_step_duration_seconds.
#ifndef KEEL_WORKER_TRAIN_STAGE_CLOCK_H_
#define KEEL_WORKER_TRAIN_STAGE_CLOCK_H_

#include "absl/time/time.h"
#include "common/metrics/registry.h"

namespace keel {

// Not thread-safe. On a GPU the host's time is measured, up to the vote, which
// waits for the device.
class StageClock {
 public:
  explicit StageClock(Metrics& metrics) : metrics_(metrics) { Start(); }

  // A step begins.
  void Start();
  // The stage that began at the end of the last one is over; returns its
  // seconds, never less than 0.
  double End(const char* stage);
  // The step is over; returns its seconds.
  double EndStep();

 private:
  Metrics& metrics_;
  absl::Time step_begin_;
  absl::Time stage_begin_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_STAGE_CLOCK_H_
