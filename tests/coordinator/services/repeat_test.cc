// Requests and orders that come twice, because nobody knows whether the first
// one arrived.
#include <memory>
#include <string>
#include <vector>

#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class RepeatTest : public PartsFixture {
 protected:
  // Of the one phase.
  storage::v1::PhaseRecord Phase() {
    auto state = cluster_->Lock();
    return state->FindPhase("s", 1).value()->record;
  }
  absl::Status AcceptResumePoint(const v1::JoinGroup& join, int64_t step_count,
                                 const std::string& weights) {
    return AcceptFiles(join, v1::ArtifactHeader::RESUME_POINT, step_count,
                       {{"weights.bin", weights}});
  }
};

TEST_F(RepeatTest, TheSameCreateRequestGivesTheSameStream) {
  const auto first = parts_->streams.Create(StreamRequest());
  const auto second = parts_->streams.Create(StreamRequest());
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->uid(), second->uid());
}

TEST_F(RepeatTest, ACreateRequestWithAnotherConfigIsRefused) {
  ASSERT_TRUE(parts_->streams.Create(StreamRequest()).ok());
  v1::CreateStreamRequest other = StreamRequest();
  other.mutable_config()->mutable_train()->set_epochs(3);
  EXPECT_TRUE(absl::IsAlreadyExists(parts_->streams.Create(other).status()));
}

TEST_F(RepeatTest, AResumePointThatComesTwiceIsKeptOnce) {
  MakePhase();
  const auto sink = AttachAndTrain("w");
  ASSERT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 1);
  const v1::JoinGroup join = sink->messages.back().join_group();
  ASSERT_TRUE(AcceptResumePoint(join, 1, "one").ok());
  ASSERT_TRUE(AcceptResumePoint(join, 2, "two").ok());
  ASSERT_TRUE(AcceptResumePoint(join, 2, "two").ok());
  ASSERT_TRUE(AcceptResumePoint(join, 1, "one").ok());
  const auto record = Phase();
  ASSERT_EQ(record.resume_points_size(), 2);
  EXPECT_EQ(record.resume_points(0).step_count(), 1);
  EXPECT_EQ(record.resume_points(1).step_count(), 2);
}

TEST_F(RepeatTest, AWorkerThatMissedItsDrainIsToldAgain) {
  Attach("w");
  ASSERT_TRUE(parts_->workers.Drain("w").ok());
  const auto sink = Attach("w");
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kDrain), 1);
}

}  // namespace
}  // namespace keel::testing
