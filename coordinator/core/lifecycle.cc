#include "coordinator/core/lifecycle.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace keel {
namespace {

using v1::Phase;
using enum PhaseEvent;

constexpr PhaseTransition kTransitions[] = {
    {Phase::QUEUED, kGroupFormed, Phase::TRAINING},
    {Phase::QUEUED, kNothingToTrain, Phase::SKIPPED},
    {Phase::QUEUED, kFailed, Phase::FAILED},
    {Phase::QUEUED, kCancelRequested, Phase::CANCELLED},
    // The next generation, after a loss.
    {Phase::TRAINING, kGroupFormed, Phase::TRAINING},
    {Phase::TRAINING, kPreempted, Phase::PAUSED},
    {Phase::TRAINING, kTrained, Phase::EVALUATING},
    {Phase::TRAINING, kFailed, Phase::FAILED},
    {Phase::TRAINING, kCancelRequested, Phase::CANCELLED},
    {Phase::PAUSED, kGroupFormed, Phase::TRAINING},
    {Phase::PAUSED, kFailed, Phase::FAILED},
    {Phase::PAUSED, kCancelRequested, Phase::CANCELLED},
    {Phase::EVALUATING, kEvaluated, Phase::PUBLISHED},
    {Phase::EVALUATING, kGateClosed, Phase::HELD},
    {Phase::EVALUATING, kFailed, Phase::FAILED},
    {Phase::EVALUATING, kCancelRequested, Phase::CANCELLED},
    {Phase::HELD, kApproveRequested, Phase::PUBLISHED},
    {Phase::HELD, kRejectRequested, Phase::REJECTED},
    {Phase::FAILED, kRetryRequested, Phase::QUEUED},
    {Phase::FAILED, kSkipRequested, Phase::SKIPPED},
    {Phase::CANCELLED, kRetryRequested, Phase::QUEUED},
};

// The states that take the event: "FAILED or CANCELLED".
std::string Takers(PhaseEvent event) {
  std::string names;
  for (const PhaseTransition& transition : kTransitions) {
    if (transition.event != event) continue;
    absl::StrAppend(&names, names.empty() ? "" : " or ",
                    StateName(transition.from));
  }
  return names;
}

}  // namespace

std::span<const PhaseTransition> PhaseTransitions() { return kTransitions; }

absl::StatusOr<Phase::State> NextPhaseState(Phase::State from,
                                            PhaseEvent event) {
  for (const PhaseTransition& transition : kTransitions) {
    if (transition.from == from && transition.event == event) {
      return transition.to;
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("it is ", StateName(from), "; ",
                   std::string(EventName(event)), " needs ", Takers(event)));
}

bool IsFinal(Phase::State state) {
  switch (state) {
    case Phase::PUBLISHED:
    case Phase::FAILED:
    case Phase::CANCELLED:
    case Phase::REJECTED:
    case Phase::SKIPPED:
      return true;
    default:
      return false;
  }
}

std::string StateName(Phase::State state) { return Phase::State_Name(state); }

std::string_view EventName(PhaseEvent event) {
  switch (event) {
    case kGroupFormed:
      return "GroupFormed";
    case kPreempted:
      return "Preempted";
    case kTrained:
      return "Trained";
    case kNothingToTrain:
      return "NothingToTrain";
    case kEvaluated:
      return "Evaluated";
    case kGateClosed:
      return "GateClosed";
    case kFailed:
      return "Failed";
    case kCancelRequested:
      return "CancelRequested";
    case kApproveRequested:
      return "ApproveRequested";
    case kRejectRequested:
      return "RejectRequested";
    case kRetryRequested:
      return "RetryRequested";
    case kSkipRequested:
      return "SkipRequested";
  }
  return "Unknown";
}

}  // namespace keel
