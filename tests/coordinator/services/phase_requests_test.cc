#include "coordinator/services/phase_requests.h"

#include "gtest/gtest.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class PhaseRequestsTest : public PartsFixture {
 protected:
  // What a watcher of the newest phase is told before it gives up.
  absl::StatusOr<std::optional<v1::Phase>> AwaitNewest() {
    int asked = 0;
    return parts_->requests.Await("s", 0, 0, [&] { return ++asked > 1; });
  }
};

TEST_F(PhaseRequestsTest, WaitsForThePhaseThatAChunkIsAboutToBecome) {
  MakePhase();
  EXPECT_EQ(AwaitNewest().value()->number(), 1);
  SubmitChunk("s", "another");
  EXPECT_TRUE(absl::IsCancelled(AwaitNewest().status()));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(AwaitNewest().value()->number(), 2);
}

// Such a chunk may wait for long.
TEST_F(PhaseRequestsTest, ShowsTheNewestWhereSomebodyMakesThePhases) {
  v1::CreateStreamRequest request = StreamRequest();
  request.mutable_config()->mutable_phase()->set_policy(
      v1::PhaseConfig::MIN_SAMPLES);
  request.mutable_config()->mutable_phase()->set_min_samples(4);
  ASSERT_TRUE(parts_->streams.Create(request).ok());
  SubmitChunk("s", "one");
  ASSERT_TRUE(parts_->controller.Tick());
  SubmitChunk("s", "two");
  EXPECT_EQ(AwaitNewest().value()->number(), 1);
}

}  // namespace
}  // namespace keel::testing
