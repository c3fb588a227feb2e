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
