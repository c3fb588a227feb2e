#include "coordinator/services/worker_registry.h"

#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class WorkerRegistryTest : public PartsFixture {
 protected:
  // As MakePhase, with room for four workers.
  void MakePhaseOfFourRows() {
    v1::CreateStreamRequest request = StreamRequest();
    request.mutable_config()->mutable_train()->set_global_batch(4);
    ASSERT_TRUE(parts_->streams.Create(request).ok());
    SubmitChunk("s", "s");
    ASSERT_TRUE(parts_->controller.Tick());
  }
};

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

// A line that breaks again and again, beside a worker that is there.
TEST_F(WorkerRegistryTest, AReattachedProcessIsNotAwaitedLikeANewOne) {
  MakePhaseOfFourRows();
  Attach("a");
  Attach("b");
  clock_.Advance(PlannerOptions().join_window);
  const auto second = Attach("b");
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(second->Count(v1::CoordinatorMessage::kJoinGroup), 1);
}

TEST_F(WorkerRegistryTest, ANewProcessIsAwaited) {
  MakePhaseOfFourRows();
  Attach("a");
  Attach("b");
  clock_.Advance(PlannerOptions().join_window);
  v1::WorkerMessage hello;
  hello.set_incarnation(2);
  hello.mutable_hello()->mutable_worker()->set_id("b");
  hello.mutable_hello()->mutable_worker()->set_incarnation(2);
  const auto sink = std::make_shared<KeptMessages>();
  ASSERT_TRUE(parts_->workers.Attach(hello, sink).ok());
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 0);
  clock_.Advance(PlannerOptions().join_window);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 1);
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
