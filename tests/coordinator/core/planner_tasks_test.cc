#include "coordinator/core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/core/cluster_fixture.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PlannerTaskTest : public PlannerTest {
 protected:
  PlannerTaskTest() { Phase(Stream("s"), 1, v1::Phase::EVALUATING); }
};

TEST_F(PlannerTaskTest, GivesEachIdleWorkerOneTask) {
  for (const char* id : {"t1", "t2", "t3"}) Task(id, "s", 1);
  Worker("b");
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to a: it is idle",
                                  "give task t2 to b: it is idle"));
}

TEST_F(PlannerTaskTest, ServesTasksBeforeGroups) {
  Phase(Stream("other", /*priority=*/9), 1);
  Task("t1", "s", 1);
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to a: it is idle"));
}

TEST_F(PlannerTaskTest, ServesTheStreamOfGreaterPriorityFirst) {
  Phase(Stream("urgent", /*priority=*/9), 1, v1::Phase::EVALUATING);
  Task("t1", "s", 1);
  Task("t2", "urgent", 1);
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("give task t2 to a: it is idle"));
}

TEST_F(PlannerTaskTest, LeavesALeasedTaskToItsHolder) {
  Worker("a");
  Worker("b");
  Task("t1", "s", 1, "a");
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTaskTest, TakesTheTaskBackWhenItsHolderIsLost) {
  Worker("a");
  Task("t1", "s", 1, "a");
  Detach("a", 99);
  EXPECT_THAT(Plan(), ElementsAre("evict worker a: its stream broke",
                                  "take task t1 back: worker a is lost"));
}

TEST_F(PlannerTaskTest, TakesTheTaskBackWhenItsHolderIsUnknown) {
  Task("t1", "s", 1, "gone");
  EXPECT_THAT(Plan(), ElementsAre("take task t1 back: worker gone is lost"));
}

TEST_F(PlannerTaskTest, TakesTheTaskBackWhenItsHolderHasRestarted) {
  Worker("a");
  Task("t1", "s", 1, "a");
  Find("a").incarnation = 2;
  Find("a").task_id = "";
  EXPECT_THAT(Plan(), ElementsAre("take task t1 back: worker a has restarted"));
}

TEST_F(PlannerTaskTest, TakesTheTaskBackWhenItsLeaseIsOver) {
  Worker("a");
  Task("t1", "s", 1, "a").lease_end = At(100);
  EXPECT_THAT(Plan(), ElementsAre("take task t1 back: its lease is over"));
}

TEST_F(PlannerTaskTest, DoesNotGiveATaskAwayThatAReturnedWorkerHasInHand) {
  Task("t1", "s", 1);
  Worker("a").task_id = "t1";
  Worker("b");
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTaskTest, TriesAFailedTaskAgainUntilItFailedTooOften) {
  Task("t1", "s", 1).failure_count = 4;
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to a: it is idle"));
  view_.tasks[0].failure_count = 5;
  view_.tasks[0].last_error = "no memory";
  EXPECT_THAT(
      Plan(),
      ElementsAre("fail s@1: task t1 failed 5 times, at last: no memory"));
}

TEST_F(PlannerTaskTest, GivesATaskUpThatLostItsWorkerTooOften) {
  Task("t1", "s", 1).loss_count = 9;
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to a: it is idle"));
  view_.tasks[0].loss_count = 10;
  view_.tasks[0].last_error = "worker a has restarted";
  EXPECT_THAT(Plan(), ElementsAre("fail s@1: task t1 lost its worker 10 times, "
                                  "at last: worker a has restarted"));
}

TEST_F(PlannerTaskTest, PrefersAWorkerThatTheTaskHasNotFailedOn) {
  Task("t1", "s", 1).failed_workers = {"a"};
  Worker("a");
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to a: it is idle"));
  Worker("b");
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to b: it is idle"));
}

TEST_F(PlannerTaskTest, WaitsAMomentAfterAFailure) {
  Task("t1", "s", 1).retry_time = At(101);
  Worker("a");
  EXPECT_THAT(Plan(), IsEmpty());
  Now(101);
  EXPECT_THAT(Plan(), ElementsAre("give task t1 to a: it is idle"));
}

TEST_F(PlannerTaskTest, PublishesOnceAllTasksAreDone) {
  Task("t1", "s", 1).done = true;
  Task("t2", "s", 1, "a");
  Worker("a").task_id = "t2";
  EXPECT_THAT(Plan(), IsEmpty());
  view_.tasks[1].done = true;
  EXPECT_THAT(Plan(), ElementsAre("publish s@1: all 2 tasks are done"));
}

TEST_F(PlannerTaskTest, PublishesAPhaseWithoutTasks) {
  EXPECT_THAT(Plan(), ElementsAre("publish s@1: there is nothing to measure"));
}

TEST_F(PlannerTaskTest, IgnoresTasksOfOtherPhases) {
  Task("t0", "s", 2, "a");
  Worker("a").task_id = "t0";
  EXPECT_THAT(Plan(), ElementsAre("publish s@1: there is nothing to measure"));
}

}  // namespace
}  // namespace keel
