#include "worker/train/stage_clock.h"

#include "common/clock.h"

namespace keel {
namespace {

constexpr char kDuration[] = "keel_step_duration_seconds";

}  // namespace

void StageClock::Start() { stage_begin_ = step_begin_ = SteadyNow(); }

double StageClock::End(const char* stage) {
  const absl::Time now = SteadyNow();
  const double seconds = absl::ToDoubleSeconds(now - stage_begin_);
  stage_begin_ = now;
  metrics_.Observe(kDuration, seconds, {{"stage", stage}});
  return seconds;
}

double StageClock::EndStep() {
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - step_begin_);
  metrics_.Observe(kDuration, seconds, {{"stage", "total"}});
  return seconds;
}

}  // namespace keel
