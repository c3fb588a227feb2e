#include "worker/train/resume_writer.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/testing/fake_clock.h"
#include "tests/worker/train/small_model.h"

namespace keel {
namespace {

using testing::FakeClock;

Snapshot At(int64_t step) { return {SmallModel(1), {.phase_step = step}}; }

TEST(ResumeWriterTest, IsDueAfterTheInterval) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  ResumeWriter writer({.interval = absl::Seconds(60)}, clock,
                      [](const Snapshot&) { return absl::OkStatus(); });
  EXPECT_FALSE(writer.Due());
  clock.Advance(absl::Seconds(60));
  EXPECT_TRUE(writer.Due());
  writer.Submit(At(7));
  writer.Flush();
  EXPECT_EQ(writer.written_step(), 7);
  EXPECT_FALSE(writer.Due());
}

TEST(ResumeWriterTest, WaitsLongerWhenWritingTakesLong) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  ResumeWriter writer({.interval = absl::Seconds(10), .max_share = 0.05}, clock,
                      [&](const Snapshot&) {
                        clock.Advance(absl::Seconds(5));
                        return absl::OkStatus();
                      });
  clock.Advance(absl::Seconds(10));
  writer.Submit(At(1));
  writer.Flush();
  clock.Advance(absl::Seconds(94));
  EXPECT_FALSE(writer.Due());
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(writer.Due());
}

TEST(ResumeWriterTest, IsNotDueWhileItWrites) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  absl::Notification started, go_on;
  ResumeWriter writer({.interval = absl::Seconds(1)}, clock,
                      [&](const Snapshot&) {
                        started.Notify();
                        go_on.WaitForNotification();
                        return absl::OkStatus();
                      });
  clock.Advance(absl::Seconds(1));
  writer.Submit(At(1));
  started.WaitForNotification();
  clock.Advance(absl::Hours(1));
  EXPECT_FALSE(writer.Due());
  go_on.Notify();
  writer.Flush();
}

TEST(ResumeWriterTest, OutlivesAnException) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  ResumeWriter writer({.interval = absl::Seconds(1)}, clock,
                      [](const Snapshot&) -> absl::Status {
                        throw std::runtime_error("no memory");
                      });
  writer.Submit(At(3));
  writer.Flush();
  EXPECT_EQ(writer.written_step(), -1);
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(writer.Due());
}

TEST(ResumeWriterTest, TriesAgainAfterAFailure) {
  FakeClock clock(absl::FromUnixSeconds(1000));
  int calls = 0;
  ResumeWriter writer(
      {.interval = absl::Seconds(1)}, clock, [&](const Snapshot&) {
        return ++calls == 1 ? absl::UnavailableError("away") : absl::OkStatus();
      });
  clock.Advance(absl::Seconds(1));
  writer.Submit(At(3));
  writer.Flush();
  EXPECT_EQ(writer.written_step(), -1);
  clock.Advance(absl::Seconds(1));
  ASSERT_TRUE(writer.Due());
  writer.Submit(At(4));
  writer.Flush();
  EXPECT_EQ(writer.written_step(), 4);
}

}  // namespace
}  // namespace keel
