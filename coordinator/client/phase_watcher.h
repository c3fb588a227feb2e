// Follows phases until they end, across restarts of the coordinator.
#ifndef KEEL_COORDINATOR_CLIENT_PHASE_WATCHER_H_
#define KEEL_COORDINATOR_CLIENT_PHASE_WATCHER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "keel/v1/phase.grpc.pb.h"

namespace keel {

// Not thread-safe. The stub outlives it.
class PhaseWatcher {
 public:
  struct Options {
    // How long it tries to reach a coordinator that is gone.
    absl::Duration give_up_after = absl::Seconds(30);
    absl::Duration retry_every = absl::Milliseconds(500);
    // Called with each change.
    std::function<void(const v1::Phase&)> show;
    // Called when the line broke, with the error.
    std::function<void(const absl::Status&)> lost;
    // Replaced in tests.
    std::function<void(absl::Duration)> sleep = absl::SleepFor;
  };
  PhaseWatcher(v1::PhaseService::StubInterface& stub, Options options)
      : stub_(stub), options_(std::move(options)) {}

  // Returns the phase once it is final. `number` 0: the newest one; waits for
  // the first. Blocks. NOT_FOUND; UNAVAILABLE once it gave up.
  absl::StatusOr<v1::Phase> WatchOne(const std::string& stream, int number);
  // Follows one phase after another until none is left running, or until one
  // ends without a model (its followers wait for a person then). Returns the
  // last one.
  absl::StatusOr<v1::Phase> WatchAll(const std::string& stream);

 private:
  // Reads one call's changes into `phase`; OK once the server ended it.
  absl::Status Follow(const std::string& stream, int number, v1::Phase& phase,
                      absl::Duration& waited);
  // The first phase behind `number` that is not final; 0: none.
  absl::StatusOr<int> NextRunning(const std::string& stream, int number);

  v1::PhaseService::StubInterface& stub_;
  const Options options_;
  // Number and revision of what was shown last.
  std::pair<int, int64_t> shown_ = {0, 0};
};

// True for a phase that ended as it should: PUBLISHED or SKIPPED.
bool EndedWell(const v1::Phase& phase);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_PHASE_WATCHER_H_
