// The phase's lifecycle as one table: (state, event) -> state.
// docs/design.md shows the same table; a test holds them together.
#ifndef KEEL_COORDINATOR_CORE_LIFECYCLE_H_
#define KEEL_COORDINATOR_CORE_LIFECYCLE_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keel/v1/phase.pb.h"

namespace keel {

enum class PhaseEvent {
  kGroupFormed,       // a generation was formed for it
  kPreempted,         // a stream of greater priority took its workers
  kTrained,           // its result is durable
  kNothingToTrain,    // it has no trainable sample
  kEvaluated,         // all its tasks are done
  kGateClosed,        // a limit on its measures was passed
  kFailed,            // it cannot be trained or measured
  kCancelRequested,   // a person
  kApproveRequested,  // a person
  kRejectRequested,   // a person
  kRetryRequested,    // a person; the next attempt starts
  kSkipRequested,     // a person
};

struct PhaseTransition {
  v1::Phase::State from;
  PhaseEvent event;
  v1::Phase::State to;
};

// Every legal transition; whatever is not in it is refused.
std::span<const PhaseTransition> PhaseTransitions();

// FAILED_PRECONDITION: the event is not legal in that state; the message
// names both.
absl::StatusOr<v1::Phase::State> NextPhaseState(v1::Phase::State from,
                                                PhaseEvent event);
// True if nothing but a person's retry or skip leads out of it: what a watcher
// waits for.
bool IsFinal(v1::Phase::State state);
// "TRAINING"
std::string StateName(v1::Phase::State state);
// "GroupFormed"
std::string_view EventName(PhaseEvent event);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_LIFECYCLE_H_
