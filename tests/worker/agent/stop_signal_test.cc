#include "worker/agent/stop_signal.h"

#include "common/clock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(StopSignalTest, RequestLetsTheJobFinish) {
  StopSignal stop;
  EXPECT_FALSE(stop.Poll());
  stop.Request("drain");
  EXPECT_TRUE(stop.Poll());
  EXPECT_FALSE(stop.cancelled().HasBeenNotified());
  EXPECT_EQ(stop.cancel_time(), absl::InfiniteFuture());
}

TEST(StopSignalTest, CancelIsARequestToo) {
  StopSignal stop;
  stop.Cancel("regroup");
  EXPECT_TRUE(stop.requested().HasBeenNotified());
  EXPECT_TRUE(stop.cancelled().HasBeenNotified());
  EXPECT_LE(stop.cancel_time(), SteadyNow());
}

TEST(StopSignalTest, KeepsTheFirstReason) {
  StopSignal stop;
  stop.Request("drain");
  stop.Cancel("regroup");
  stop.Cancel("again");
  EXPECT_EQ(stop.reason(), "drain");
}

TEST(StopSignalTest, MeasuresPausesBetweenQuestions) {
  StopSignal stop;
  stop.Poll();
  EXPECT_EQ(stop.longest_pause(), absl::ZeroDuration());
  const absl::Time start = SteadyNow();
  while (SteadyNow() < start + absl::Milliseconds(5)) {
  }
  stop.Poll();
  EXPECT_GE(stop.longest_pause(), absl::Milliseconds(5));
}

TEST(StopSignalTest, ProgressIsTakenOnce) {
  StopSignal stop;
  EXPECT_FALSE(stop.TakeProgress());
  stop.Poll();
  EXPECT_TRUE(stop.TakeProgress());
  EXPECT_FALSE(stop.TakeProgress());
}

}  // namespace
}  // namespace keel
