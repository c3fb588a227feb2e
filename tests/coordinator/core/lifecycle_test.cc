#include "coordinator/core/lifecycle.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/file_system.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using v1::Phase;
using enum PhaseEvent;

constexpr PhaseEvent kAllEvents[] = {
    kGroupFormed,      kPreempted,       kTrained,        kNothingToTrain,
    kEvaluated,        kGateClosed,      kFailed,         kCancelRequested,
    kApproveRequested, kRejectRequested, kRetryRequested, kSkipRequested};

std::vector<Phase::State> AllStates() {
  std::vector<Phase::State> states;
  for (int i = 0; i <= Phase::State_MAX; ++i) {
    if (Phase::State_IsValid(i)) states.push_back(static_cast<Phase::State>(i));
  }
  return states;
}

// The design's table, written down a second time.
const std::map<std::pair<Phase::State, PhaseEvent>, Phase::State>& Expected() {
  static const auto* table =
      new std::map<std::pair<Phase::State, PhaseEvent>, Phase::State>{
          {{Phase::QUEUED, kGroupFormed}, Phase::TRAINING},
          {{Phase::QUEUED, kNothingToTrain}, Phase::SKIPPED},
          {{Phase::QUEUED, kFailed}, Phase::FAILED},
          {{Phase::QUEUED, kCancelRequested}, Phase::CANCELLED},
          {{Phase::TRAINING, kGroupFormed}, Phase::TRAINING},
          {{Phase::TRAINING, kPreempted}, Phase::PAUSED},
          {{Phase::TRAINING, kTrained}, Phase::EVALUATING},
          {{Phase::TRAINING, kFailed}, Phase::FAILED},
          {{Phase::TRAINING, kCancelRequested}, Phase::CANCELLED},
          {{Phase::PAUSED, kGroupFormed}, Phase::TRAINING},
          {{Phase::PAUSED, kFailed}, Phase::FAILED},
          {{Phase::PAUSED, kCancelRequested}, Phase::CANCELLED},
          {{Phase::EVALUATING, kEvaluated}, Phase::PUBLISHED},
          {{Phase::EVALUATING, kGateClosed}, Phase::HELD},
          {{Phase::EVALUATING, kFailed}, Phase::FAILED},
          {{Phase::EVALUATING, kCancelRequested}, Phase::CANCELLED},
          {{Phase::HELD, kApproveRequested}, Phase::PUBLISHED},
          {{Phase::HELD, kRejectRequested}, Phase::REJECTED},
          {{Phase::FAILED, kRetryRequested}, Phase::QUEUED},
          {{Phase::FAILED, kSkipRequested}, Phase::SKIPPED},
          {{Phase::CANCELLED, kRetryRequested}, Phase::QUEUED},
      };
  return *table;
}

TEST(LifecycleTest, GoesWhereTheDesignSaysForEveryLegalPair) {
  for (const auto& [pair, to] : Expected()) {
    const auto next = NextPhaseState(pair.first, pair.second);
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(*next, to) << StateName(pair.first) << " at "
                         << EventName(pair.second);
  }
}

TEST(LifecycleTest, RefusesEveryPairThatIsNotInTheTable) {
  int refused = 0;
  for (Phase::State state : AllStates()) {
    for (PhaseEvent event : kAllEvents) {
      if (Expected().contains({state, event})) continue;
      const auto next = NextPhaseState(state, event);
      EXPECT_TRUE(absl::IsFailedPrecondition(next.status()));
      EXPECT_NE(next.status().message().find(StateName(state)),
                absl::string_view::npos);
      EXPECT_NE(next.status().message().find(std::string(EventName(event))),
                absl::string_view::npos);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 11 * 12 - static_cast<int>(Expected().size()));
}

TEST(LifecycleTest, HasNoRowTwice) {
  EXPECT_EQ(PhaseTransitions().size(), Expected().size());
}

TEST(LifecycleTest, LeavesAFinalStateByRetryOrSkipOnly) {
  for (const PhaseTransition& transition : PhaseTransitions()) {
    const bool by_person = transition.event == kRetryRequested ||
                           transition.event == kSkipRequested;
    EXPECT_EQ(IsFinal(transition.from), by_person)
        << StateName(transition.from) << " at " << EventName(transition.event);
  }
}

TEST(LifecycleTest, ReachesEveryStateFromQueued) {
  std::map<Phase::State, bool> reached{{Phase::QUEUED, true}};
  for (size_t round = 0; round < PhaseTransitions().size(); ++round) {
    for (const PhaseTransition& transition : PhaseTransitions()) {
      if (reached[transition.from]) reached[transition.to] = true;
    }
  }
  for (Phase::State state : AllStates()) {
    if (state == Phase::STATE_UNSPECIFIED) continue;
    EXPECT_TRUE(reached[state]) << StateName(state);
  }
}

// ctest runs in the root of the sources.
TEST(LifecycleTest, IsTheTableOfTheDesignDocument) {
  const auto text = ReadFile("docs/design.md");
  ASSERT_TRUE(text.ok()) << text.status();
  std::string table;
  for (const PhaseTransition& row : PhaseTransitions()) {
    table += "| " + StateName(row.from) + " | " +
             std::string(EventName(row.event)) + " | " + StateName(row.to) +
             " |\n";
  }
  const std::string head = "| from | event | to |\n| --- | --- | --- |\n";
  const size_t begin = text->find(head);
  ASSERT_NE(begin, std::string::npos);
  EXPECT_EQ(text->substr(begin + head.size()), table);
}

}  // namespace
}  // namespace keel
