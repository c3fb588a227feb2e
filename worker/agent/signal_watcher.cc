#include "worker/agent/signal_watcher.h"

#include <pthread.h>
#include <signal.h>

#include <cstdlib>
#include <utility>

#include "common/clock.h"
#include "common/log.h"

namespace keel {
namespace {

// Ends the watcher's wait.
constexpr int kWake = SIGUSR1;

sigset_t WatchedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, kWake);
  return signals;
}

std::string NameOf(int number) {
  return number == SIGINT ? "SIGINT" : "SIGTERM";
}

}  // namespace

void SignalWatcher::BlockSignals() {
  const sigset_t signals = WatchedSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A peer that went away is an error of its call, not of the process.
  signal(SIGPIPE, SIG_IGN);
}

SignalWatcher::SignalWatcher(std::function<void(std::string name)> on_signal,
                             absl::Duration window)
    : on_signal_(std::move(on_signal)),
      window_(window),
      thread_([this] { Watch(); }) {}

SignalWatcher::~SignalWatcher() {
  closing_ = true;
  pthread_kill(thread_.native_handle(), kWake);
  thread_.join();
}

void SignalWatcher::Watch() {
  const sigset_t signals = WatchedSignals();
  absl::Time first = absl::InfiniteFuture();
  while (true) {
    int number = 0;
    if (sigwait(&signals, &number) != 0) continue;
    if (closing_) return;
    if (number == kWake) continue;
    if (first == absl::InfiniteFuture()) {
      first = SteadyNow();
      on_signal_(NameOf(number));
    } else if (SteadyNow() >= first + window_) {
      LogWarning("a second signal ends the process at once",
                 {{"signal", NameOf(number)}});
      std::_Exit(128 + number);
    }
  }
}

}  // namespace keel
