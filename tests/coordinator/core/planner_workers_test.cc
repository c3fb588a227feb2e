#include "coordinator/core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/core/cluster_fixture.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(PlannerTest, DoesNothingInAnEmptyCluster) {
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, KeepsAWorkerThatIsHeardOf) {
  Worker("a", 50, 95);  // exactly evict_after ago
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, EvictsAWorkerThatFellSilent) {
  Worker("a", 50, 94.9);
  EXPECT_THAT(Plan(), ElementsAre("evict worker a: not heard of for 5s"));
}

TEST_F(PlannerTest, EvictsAWorkerWhoseStreamBrokeAtOnce) {
  Worker("a", 50, 100).attached = false;
  EXPECT_THAT(Plan(), ElementsAre("evict worker a: its stream broke"));
}

TEST_F(PlannerTest, CountsTheHelloAsAHeartbeat) {
  Worker("a", 98, 0);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlannerTest, AwaitsWorkersOfBeforeTheRestartForTheRecoveryWindow) {
  Worker("a", -50, -1).attached = false;
  Now(14);
  EXPECT_THAT(Plan(), IsEmpty());
  Now(15);
  EXPECT_THAT(Plan(), ElementsAre("evict worker a: its stream broke"));
}

TEST_F(PlannerTest, EvictsAWorkerThatCameAndLeftWithinTheRecoveryWindow) {
  Worker("a", 3, 4).attached = false;
  Now(5);
  EXPECT_THAT(Plan(), ElementsAre("evict worker a: its stream broke"));
}

TEST_F(PlannerTest, AnswersTheSameWhenAskedTwice) {
  Phase(Stream("s"), 1);
  Worker("b");
  Worker("a");
  Detach("a", 90);
  EXPECT_EQ(Plan(), Plan());
}

}  // namespace
}  // namespace keel
