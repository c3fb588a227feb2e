// What becomes of a phase whose blobs the disk has changed.
#include "coordinator/services/phase_maker.h"

#include <string>

#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class PhaseMakerTest : public PartsFixture {
 protected:
  // Of the stream's only chunk.
  storage::v1::ChunkRecord Chunk() {
    auto state = cluster_->Lock();
    return state->FindStream("s").value()->chunks.begin()->second;
  }
  size_t PhaseCount() {
    auto state = cluster_->Lock();
    return state->FindStream("s").value()->phases.size();
  }
  size_t BacklogSize() {
    auto state = cluster_->Lock();
    return state->FindStream("s").value()->backlog.size();
  }
  // As Submit, of a stream that replays.
  void SubmitToReplay() {
    v1::CreateStreamRequest request = StreamRequest();
    auto& replay =
        *request.mutable_config()->mutable_method()->mutable_replay();
    replay.set_samples(3);
    replay.set_per_batch(1);
    ASSERT_TRUE(parts_->streams.Create(request).ok());
    SubmitChunk("s", "s");
  }
};

TEST_F(PhaseMakerTest, MakesADamagedIndexAnew) {
  Submit("s");
  blobs_.Damage(Chunk().index_digest());
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::QUEUED);
  EXPECT_EQ(PhaseOf("s").phase().sample_count(), 4);
  EXPECT_EQ(blobs_.Verify(Chunk().index_digest()), absl::OkStatus());
}

TEST_F(PhaseMakerTest, ALostChunkWaitsUntilItIsSubmittedAgain) {
  Submit("s");
  const std::string index = Chunk().index_digest();
  ASSERT_TRUE(blobs_.Delete(index).ok());
  blobs_.Damage(Chunk().chunk().digest());
  EXPECT_FALSE(parts_->controller.Tick());
  EXPECT_EQ(PhaseCount(), 0u);
  EXPECT_EQ(BacklogSize(), 1u);
  SubmitChunk("s", "s");
  EXPECT_EQ(BacklogSize(), 1u);
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::QUEUED);
  EXPECT_EQ(blobs_.Verify(index), absl::OkStatus());
}

TEST_F(PhaseMakerTest, MakesADamagedPlanAnewWhenItIsCompleted) {
  SubmitToReplay();
  ASSERT_TRUE(parts_->controller.Tick());
  const std::string drafted = PhaseOf("s").plan_digest();
  blobs_.Damage(drafted);
  EXPECT_EQ(parts_->maker.Complete({"s", 1, ""}), absl::OkStatus());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::QUEUED);
  EXPECT_EQ(PhaseOf("s").phase().sample_count(), 4);
  EXPECT_EQ(blobs_.Verify(PhaseOf("s").plan_digest()), absl::OkStatus());
}

}  // namespace
}  // namespace keel::testing
