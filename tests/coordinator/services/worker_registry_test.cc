#include "coordinator/services/worker_registry.h"

#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

using WorkerRegistryTest = PartsFixture;

TEST_F(WorkerRegistryTest, ForgetsAWorkerTenMinutesAfterItsLoss) {
  Attach("w");
  parts_->workers.Detach("w", sessions_["w"]);
  ASSERT_TRUE(parts_->controller.Tick());
  clock_.Advance(absl::Minutes(9));
  ASSERT_TRUE(parts_->controller.Tick());
  ASSERT_EQ(parts_->workers.List().size(), 1);
  EXPECT_EQ(parts_->workers.List()[0].state(), v1::Worker::LOST);
  clock_.Advance(absl::Minutes(2));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_TRUE(parts_->workers.List().empty());
}

// Its old collective may hang for a while; a group with it would break.
TEST_F(WorkerRegistryTest, GivesNoWorkToAWorkerThatHasNotLeftItsOldGroup) {
  MakePhase();
  const auto sink = Attach("w", /*generation=*/7);
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kLeaveGroup), 1);
  const auto joined = [&] {
    clock_.Advance(PlannerOptions().join_window);
    Heartbeat("w", 7);
    EXPECT_TRUE(parts_->controller.Tick());
    return sink->Count(v1::CoordinatorMessage::kJoinGroup) > 0;
  };
  EXPECT_FALSE(joined());
  EXPECT_EQ(parts_->workers.List()[0].state(), v1::Worker::BUSY);
  Heartbeat("w", 0);
  EXPECT_TRUE(joined());
}

TEST_F(WorkerRegistryTest, TakesAWorkerOnceItSaysThatItsOldGroupEnded) {
  MakePhase();
  const auto sink = Attach("w", /*generation=*/7);
  EndGroup("w", 7, v1::GroupEnded::STOPPED);
  clock_.Advance(PlannerOptions().join_window);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 1);
}

TEST_F(WorkerRegistryTest, KeepsAWorkerWhoseMessageWaitsToBeHandled) {
  const auto sink = Attach("w");
  sink->set_message_waits(true);
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(parts_->workers.List()[0].state(), v1::Worker::IDLE);
  sink->set_message_waits(false);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(parts_->workers.List()[0].state(), v1::Worker::LOST);
}

}  // namespace
}  // namespace keel::testing
