#include "coordinator/core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/core/cluster_fixture.h"

namespace keel {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// ---- forming
// -------------------------------------------------------------------

TEST_F(PlannerTest, FormsGroupWhenJoinWindowPassed) {
  Phase(Stream("s"), 1);
  Worker("a", 97);
  Worker("b", 99);
  Now(100.9);
  EXPECT_THAT(Plan(), IsEmpty());
  Now(101);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, ALineThatBreaksAgainAndAgainHoldsUpNoGroup) {
  Phase(Stream("s"), 1);
  Worker("a", 97);
  Worker("b", 97).attach_time = At(100);
  Now(100.1);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 1 to 64 wanted"));
}

// After an outage the others are back in a moment.
TEST_F(PlannerTest, AwaitsOthersWhenAllLostTheirLine) {
  Phase(Stream("s"), 1);
  Worker("a", 50).attach_time = At(99);
  Now(100.9);
  EXPECT_THAT(Plan(), IsEmpty());
  Worker("b", 50).attach_time = At(100.5);
  Now(101);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, RanksWorkersInOrderOfTheirIds) {
  Phase(Stream("s"), 1);
  Worker("c");
  Worker("a");
  Worker("b");
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b, c: "
                                  "3 workers ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, WaitsForMinWorkers) {
  StreamView& stream = Stream("s");
  stream.config.mutable_group()->set_min_workers(2);
  Phase(stream, 1);
  Worker("a");
  EXPECT_THAT(Plan(), IsEmpty());
  Worker("b");
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 2 to 64 wanted"));
}

TEST_F(PlannerTest, FormsAFullGroupWithoutWaiting) {
  StreamView& stream = Stream("s");
  stream.config.mutable_group()->set_max_workers(2);
  Phase(stream, 1);
  Worker("a", 100);
  Worker("b", 100);
  Worker("c", 100);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 1 to 2 wanted"));
}

TEST_F(PlannerTest, TakesNoMoreWorkersThanTheSmallestStepHasRows) {
  StreamView& stream = Stream("s");
  stream.config.mutable_group()->set_min_workers(3);
  Phase(stream, 1).smallest_step = 2;
  for (const char* id : {"a", "b", "c"}) Worker(id);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 2 to 2 wanted"));
}

TEST_F(PlannerTest, LeavesOutDrainingBusyAndLostWorkers) {
  StreamView& stream = Stream("s");
  Phase(stream, 1);
  Worker("a");
  Worker("busy").generation = 3;
  Worker("draining").draining = true;
  Worker("silent", 50, 80);
  Worker("tasked").task_id = "t";
  EXPECT_THAT(Plan(), ElementsAre("evict worker silent: not heard of for 5s",
                                  "form a group for s@1 of a: "
                                  "1 worker ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, LeavesOutAWorkerThatRests) {
  Phase(Stream("s"), 1);
  Worker("a");
  Worker("b").rest_end = At(104);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a: "
                                  "1 worker ready, 1 to 64 wanted"));
  Now(104);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, CompletesAPlanBeforeItsPhaseTrains) {
  StreamView& stream = Stream("s");
  Worker("a");
  Phase(stream, 1, v1::Phase::EVALUATING);
  Phase(stream, 2).plan_stale = true;
  EXPECT_THAT(Plan(), Not(Contains(HasSubstr("complete"))));
  stream.phases.erase(stream.phases.begin());
  EXPECT_THAT(Plan(), ElementsAre("complete the plan of s@2: what it takes "
                                  "from earlier phases is known"));
  stream.phases[0].plan_stale = false;
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@2 of a: "
                                  "1 worker ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, FailsAPhaseWithoutAStepWhenItsTurnComes) {
  StreamView& stream = Stream("s");
  stream.config.mutable_train()->set_global_batch(280);
  Phase(stream, 1, v1::Phase::EVALUATING);
  Phase(stream, 2).plan_stale = true;
  stream.phases[1].smallest_step = 0;
  stream.phases[1].sample_count = 120;
  EXPECT_THAT(Plan(), Not(Contains(HasSubstr("s@2"))));
  stream.phases.erase(stream.phases.begin());
  // Earlier phases may add what is missing.
  EXPECT_THAT(Plan(), ElementsAre(HasSubstr("complete the plan of s@2")));
  stream.phases[0].plan_stale = false;
  EXPECT_THAT(Plan(),
              ElementsAre("fail s@2: train.drop_last leaves it no step: its "
                          "120 samples do not fill one batch of "
                          "train.global_batch 280; skip it, and submit its "
                          "samples again beside others"));
}

TEST_F(PlannerTest, FormsAGroupOfOneKindOfDeviceWithGpusFirst) {
  StreamView& stream = Stream("s");
  Phase(stream, 1);
  for (const char* id : {"a", "b", "c"}) Worker(id);
  Worker("g").gpu = true;
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of g: 1 worker ready, "
                                  "1 to 64 wanted; those without a GPU are "
                                  "left out"));
  stream.config.mutable_group()->set_min_workers(2);
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b, c: 3 workers "
                                  "ready, 2 to 64 wanted; those with a GPU "
                                  "are left out"));
  stream.config.mutable_group()->set_min_workers(4);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, LeavesTheOtherKindOfDeviceToOtherStreams) {
  Phase(Stream("first", 1), 1);
  Phase(Stream("second"), 1);
  Worker("a");
  Worker("g").gpu = true;
  EXPECT_THAT(Plan(), ElementsAre("form a group for first@1 of g: 1 worker "
                                  "ready, 1 to 64 wanted; those without a GPU "
                                  "are left out",
                                  "form a group for second@1 of a: 1 worker "
                                  "ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, BreaksAGroupThatStandsStillThoughItsMembersLive) {
  StreamView& stream = Stream("s");
  Worker("a", 50, 2000);
  Group(Phase(stream, 1), 4, {"a"});
  stream.phases[0].group.progress_time = At(300);
  Now(2001);
  EXPECT_THAT(Plan(), IsEmpty());
  Now(2100);
  Find("a").heartbeat_time = At(2100);
  EXPECT_THAT(Plan(),
              ElementsAre("break generation 4 of s@1: no step for 30m"));
}

TEST_F(PlannerTest, GivesWorkersToTheStreamOfGreaterPriorityThenByName) {
  for (const auto& [name, priority] :
       {std::pair{"b", 0}, std::pair{"a", 0}, std::pair{"z", 5}}) {
    StreamView& stream = Stream(name, priority);
    stream.config.mutable_group()->set_max_workers(1);
    Phase(stream, 1);
  }
  Worker("w1");
  Worker("w2");
  EXPECT_THAT(Plan(), ElementsAre("form a group for z@1 of w1: "
                                  "1 worker ready, 1 to 1 wanted",
                                  "form a group for a@1 of w2: "
                                  "1 worker ready, 1 to 1 wanted"));
}

TEST_F(PlannerTest, KeepsWorkersForAGroupThatWaitsForJoiners) {
  Phase(Stream("first", 1), 1);
  StreamView& second = Stream("second");
  second.config.mutable_group()->set_max_workers(1);
  Phase(second, 1);
  Worker("a", 99);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, LeavesWorkersToOthersWhenAStreamHasTooFew) {
  StreamView& first = Stream("first", 1);
  first.config.mutable_group()->set_min_workers(2);
  Phase(first, 1);
  Phase(Stream("second"), 1);
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("form a group for second@1 of a: "
                                  "1 worker ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, TrainsThePhasesOfAStreamOneAfterTheOther) {
  struct Case {
    v1::Phase::State first;
    bool second_trains;
  };
  for (const Case& c :
       {Case{v1::Phase::EVALUATING, false}, Case{v1::Phase::HELD, false},
        Case{v1::Phase::PUBLISHED, true}, Case{v1::Phase::SKIPPED, true},
        Case{v1::Phase::CANCELLED, true}}) {
    view_ = ClusterView();
    StreamView& stream = Stream("s");
    Phase(stream, 1, c.first);
    Phase(stream, 2);
    Task("open", "s", 1).failure_count = 1;
    view_.tasks.back().worker_id = "elsewhere";
    Worker("elsewhere").task_id = "open";
    Worker("a");
    std::vector<std::string> expected;
    if (c.second_trains) {
      expected = {"form a group for s@2 of a: 1 worker ready, 1 to 64 wanted"};
    }
    EXPECT_EQ(Plan(), expected) << v1::Phase::State_Name(c.first);
  }
}

TEST_F(PlannerTest, FormsNoGroupForABlockedStream) {
  StreamView& stream = Stream("s");
  stream.blocked = true;
  Phase(stream, 1);
  Worker("a");
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, WaitsForTheParent) {
  Phase(Stream("s"), 1).parent_ready = false;
  Worker("a");
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, GoesOnWithAPausedPhase) {
  Phase(Stream("s"), 1, v1::Phase::PAUSED);
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a: "
                                  "1 worker ready, 1 to 64 wanted"));
}

// ---- a loss
// --------------------------------------------------------------------

TEST_F(PlannerTest, LeavesAHealthyGroupAlone) {
  Worker("a");
  Worker("b");
  Group(Phase(Stream("s"), 1), 4, {"a", "b"});
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, BreaksTheGroupAtOnceWhenAMemberIsLost) {
  Worker("a");
  Worker("b");
  Group(Phase(Stream("s"), 1), 4, {"a", "b"});
  Detach("b", 99.9);
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: lost worker b",
                                  "evict worker b: its stream broke"));
}

TEST_F(PlannerTest, BreaksTheGroupWhenAMemberFellSilent) {
  Worker("a");
  Worker("b", 50, 90);
  Group(Phase(Stream("s"), 1), 4, {"a", "b"});
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: lost worker b",
                                  "evict worker b: not heard of for 5s"));
}

TEST_F(PlannerTest, BreaksTheGroupWhenAMemberHasRestarted) {
  Worker("a");
  Group(Phase(Stream("s"), 1), 4, {"a"});
  Find("a").incarnation = 2;
  Find("a").generation = 0;
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: "
                                  "worker a has restarted"));
}

TEST_F(PlannerTest, BreaksTheGroupWhenAMemberReportedItBroken) {
  Worker("a");
  Worker("b");
  PhaseView& phase = Phase(Stream("s"), 1);
  Group(phase, 4, {"a", "b"});
  phase.group.members[0].ended = true;
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: "
                                  "worker a ended its part"));
}

TEST_F(PlannerTest, LeavesADrainingMemberTimeToReachAStepBoundary) {
  Worker("a");
  Worker("b");
  Group(Phase(Stream("s"), 1), 4, {"a", "b"});
  Find("a").draining = true;
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, WaitsForSurvivorsToLeaveTheBrokenGroup) {
  Worker("a");
  Worker("b");
  PhaseView& phase = Phase(Stream("s"), 1);
  Group(phase, 4, {"a", "b", "c"});
  phase.group.closed = true;
  Find("a").generation = 0;  // b is still on its way out
  EXPECT_THAT(Plan(), IsEmpty());
  Find("b").generation = 0;
  EXPECT_THAT(Plan(), ElementsAre("form a group for s@1 of a, b: "
                                  "2 workers ready, 1 to 64 wanted"));
}

TEST_F(PlannerTest, WaitsTheGraceWhenAllMembersAreLost) {
  Worker("a");
  Worker("b");
  Group(Phase(Stream("s"), 1), 4, {"a", "b"});
  Detach("a", 95);
  Detach("b", 97);
  Now(106.9);
  EXPECT_THAT(Plan(), IsEmpty());
  Now(107);
  EXPECT_THAT(Plan(),
              ElementsAre("break generation 4 of s@1: all members lost for 10s",
                          "evict worker a: its stream broke",
                          "evict worker b: its stream broke"));
}

TEST_F(PlannerTest, GoesOnWhenOrphanedMembersComeBackInTime) {
  Worker("a");
  Group(Phase(Stream("s"), 1), 4, {"a"});
  Detach("a", 95);
  EXPECT_THAT(Plan(), IsEmpty());
  Find("a").attached = true;
  Find("a").heartbeat_time = At(100);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, NeedsNoMemberThatHasFinished) {
  Worker("a");
  Worker("b");
  PhaseView& phase = Phase(Stream("s"), 1);
  Group(phase, 4, {"a", "b"});
  phase.group.members[1].finished = true;
  Detach("b", 90);
  EXPECT_THAT(Plan(), IsEmpty());
  phase.group.members[0].finished = true;
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: all members "
                                  "finished, but there is no result",
                                  "evict worker b: its stream broke"));
}

TEST_F(PlannerTest, FailsAPhaseWhoseGroupsBreakAgainAndAgain) {
  Worker("a");
  PhaseView& phase = Phase(Stream("s"), 1, v1::Phase::TRAINING);
  phase.forming_failures = 10;
  EXPECT_THAT(Plan(), ElementsAre("fail s@1: its group broke 10 times without "
                                  "a committed step"));
}

// ---- a restart of the coordinator
// ------------------------------------------------

TEST_F(PlannerTest, KeepsTheGroupWhileMembersMayReattach) {
  Group(Phase(Stream("s"), 1), 4, {"a", "b"}, /*formed=*/-30);
  Now(3);
  EXPECT_THAT(Plan(), IsEmpty());
  Worker("a", 4, 9).generation = 4;
  Now(10);
  EXPECT_THAT(Plan(), IsEmpty());
  Worker("b", 11, 12).generation = 4;
  Find("a").heartbeat_time = At(15);
  Find("b").heartbeat_time = At(15);
  Now(16);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, GivesTheGroupUpWhenAMemberDidNotComeBack) {
  Group(Phase(Stream("s"), 1), 4, {"a", "b"}, /*formed=*/-30);
  Worker("a", 4, 15).generation = 4;
  Now(15);
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: lost worker b"));
}

TEST_F(PlannerTest, FreezesMembershipUntilAllMembersHadTheirTime) {
  Group(Phase(Stream("s"), 1), 4, {"a", "b"}, /*formed=*/-30);
  Worker("a", 4, 9).incarnation = 2;  // restarted meanwhile; b may hold steps
  Now(10);
  EXPECT_THAT(Plan(), IsEmpty());
  Worker("b", 10, 10).generation = 4;
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: "
                                  "worker a has restarted"));
}

TEST_F(PlannerTest, GivesTheGroupUpWhenNobodyCameBack) {
  Group(Phase(Stream("s"), 1), 4, {"a", "b"}, /*formed=*/-30);
  Now(15);
  EXPECT_THAT(Plan(), ElementsAre("break generation 4 of s@1: "
                                  "all members lost for 10s"));
}

// ---- the end
// ---------------------------------------------------------------------

TEST_F(PlannerTest, EvaluatesOnceTheResultIsThere) {
  PhaseView& phase = Phase(Stream("s"), 1);
  Group(phase, 4, {"gone"});
  phase.result_uploaded = true;
  EXPECT_THAT(Plan(), ElementsAre("evaluate s@1: its result is uploaded"));
}

}  // namespace
}  // namespace keel
