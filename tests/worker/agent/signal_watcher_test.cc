#include "worker/agent/signal_watcher.h"

#include <signal.h>
#include <unistd.h>

#include <string>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

// Sends `first`, waits until it was told, then sends SIGTERM and waits to die.
void SendTwo(int first) {
  SignalWatcher::BlockSignals();
  absl::Notification told;
  SignalWatcher watcher([&](std::string) { told.Notify(); },
                        absl::ZeroDuration());
  kill(getpid(), first);
  told.WaitForNotification();
  kill(getpid(), SIGTERM);
  absl::Notification never;
  never.WaitForNotification();
}

bool IsPending(int number) {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, number) == 1;
}

TEST(SignalWatcherTest, TellsTheFirstSignal) {
  SignalWatcher::BlockSignals();
  std::string name;
  absl::Notification told;
  {
    SignalWatcher watcher([&](std::string signal) {
      name = signal;
      told.Notify();
    });
    kill(getpid(), SIGINT);
    told.WaitForNotification();
  }
  EXPECT_EQ(name, "SIGINT");
}

TEST(SignalWatcherTest, TakesSignalsInOneWindowAsOne) {
  SignalWatcher::BlockSignals();
  int calls = 0;
  absl::Notification told;
  {
    SignalWatcher watcher(
        [&](std::string) {
          ++calls;
          // Pending when the watcher looks again.
          kill(getpid(), SIGTERM);
          told.Notify();
        },
        absl::Hours(1));
    kill(getpid(), SIGINT);
    told.WaitForNotification();
    while (IsPending(SIGTERM)) absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(calls, 1);
}

TEST(SignalWatcherTest, StopsWithoutASignal) {
  SignalWatcher::BlockSignals();
  int calls = 0;
  {
    SignalWatcher watcher([&](std::string) { ++calls; });
  }
  EXPECT_EQ(calls, 0);
}

TEST(SignalWatcherDeathTest, SecondSignalEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(SendTwo(SIGINT), testing::ExitedWithCode(128 + SIGTERM),
              "second signal");
}

}  // namespace
}  // namespace keel
