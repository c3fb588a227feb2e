// Turns SIGTERM and SIGINT into calls on a thread of their own.
#ifndef KEEL_WORKER_AGENT_SIGNAL_WATCHER_H_
#define KEEL_WORKER_AGENT_SIGNAL_WATCHER_H_

#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "absl/time/time.h"

namespace keel {

// The first signal is given to the handler; a later one ends the process at
// once with 128 + its number, as a shell reports it. Signals in one short
// window are one: a terminal signals the whole process group, and so may the
// program that started this one.
class SignalWatcher {
 public:
  // Leaves the signals to the watcher. Call it before any thread starts: they
  // inherit it.
  static void BlockSignals();

  // `on_signal` is given the signal's name, once, on the watcher's thread.
  explicit SignalWatcher(std::function<void(std::string name)> on_signal,
                         absl::Duration window = absl::Seconds(1));
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

 private:
  void Watch();

  const std::function<void(std::string)> on_signal_;
  const absl::Duration window_;
  std::atomic<bool> closing_ = false;
  std::thread thread_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_SIGNAL_WATCHER_H_
