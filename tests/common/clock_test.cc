#include "common/clock.h"

#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(SystemClockTest, StartsAtTheWallTime) {
  const absl::Time before = absl::Now();
  EXPECT_GE(SystemClock().Now(), before);
}

// Were it to read the wall clock again, it would be at today.
TEST(SystemClockTest, GoesOnFromItsStartWhateverTheWallClockSays) {
  const absl::Time start = absl::FromUnixSeconds(1'000'000'000);
  const SystemClock clock(start);
  absl::Time last = start;
  for (int i = 0; i < 1000; ++i) {
    const absl::Time now = clock.Now();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_LT(last, start + absl::Hours(1));
}

}  // namespace
}  // namespace keel
