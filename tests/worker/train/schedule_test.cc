#include "worker/train/schedule.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

TEST(LearningRateScheduleTest, HasThePublishedRecipesFigures) {
  // 21 steps an epoch, 35 epochs (the code of arXiv 2305.07437): 147 of 735 are
  // warm-up.
  const LearningRateSchedule schedule(5e-4, 0.2, 735);
  EXPECT_EQ(schedule.warmup_steps(), 147);
  EXPECT_EQ(schedule.At(0), 0);
  EXPECT_DOUBLE_EQ(schedule.At(1), 5e-4 / 147);
  EXPECT_DOUBLE_EQ(schedule.At(147), 5e-4);
  EXPECT_NEAR(schedule.At(147 + 588 / 2), 2.5e-4, 1e-12);
  EXPECT_NEAR(schedule.At(734), 5e-4 * 1.7843e-6 * 4, 1e-11);
}

TEST(LearningRateScheduleTest, StartsAtThePeakWithoutWarmUp) {
  const LearningRateSchedule schedule(1.0, 0.0, 10);
  EXPECT_DOUBLE_EQ(schedule.At(0), 1.0);
  EXPECT_DOUBLE_EQ(schedule.At(5), 0.5);
  EXPECT_NEAR(schedule.At(10), 0.0, 1e-15);
}

TEST(LearningRateScheduleTest, IsNeverNegativeWhenAllIsWarmUp) {
  const LearningRateSchedule schedule(1.0, 1.0, 4);
  EXPECT_DOUBLE_EQ(schedule.At(3), 0.75);
  EXPECT_GE(schedule.At(4), 0.0);
}

}  // namespace
}  // namespace keel
