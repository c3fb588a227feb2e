// Draws of a history, all from its seed.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_RANDOM_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_RANDOM_H_

#include <cstdint>

#include "absl/time/time.h"
#include "common/plan/mix.h"

namespace keel::testing {

// The same draws on every machine. Not thread-safe.
class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}

  uint64_t Next() { return MixKey({seed_, ++count_}); }
  // In [0, count); `count` is positive.
  int64_t Below(int64_t count) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(count));
  }
  // In [least, most].
  int64_t Between(int64_t least, int64_t most) {
    return least + Below(most - least + 1);
  }
  bool Chance(double probability) {
    return static_cast<double>(Next() >> 11) * 0x1p-53 < probability;
  }
  // In [least, most], in milliseconds.
  absl::Duration Milliseconds(int64_t least, int64_t most) {
    return absl::Milliseconds(Between(least, most));
  }

 private:
  uint64_t seed_;
  uint64_t count_ = 0;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_RANDOM_H_
