// What becomes of a phase whose blobs the disk has changed.
#include "coordinator/services/phase_maker.h"

#include <string>

#include "gmock/gmock.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

using ::testing::HasSubstr;

class PhaseMakerTest : public PartsFixture {
 protected:
  storage::v1::ChunkRecord Chunk(int64_t number = 1) {
    auto state = cluster_->Lock();
    return state->FindStream("s").value()->chunks.at(number);
  }
  v1::Stream::State StreamState() {
    auto state = cluster_->Lock();
    return state->FindStream("s").value()->record.stream().state();
  }
  absl::Status Retry() {
    auto state = cluster_->Lock();
    return parts_->phases.Retry(*state, "s", 1);
  }
  // Phase 1 is what a stream has whose chunk was never lost.
  void ExpectAsMadeAtOnce() {
    v1::CreateStreamRequest request = StreamRequest("other");
    request.mutable_config()->mutable_probe()->set_fraction(0.5);
    ASSERT_TRUE(parts_->streams.Create(request).ok());
    SubmitChunk("other", "s");
    ASSERT_TRUE(parts_->controller.Tick());
    const v1::Phase phase = PhaseOf("s").phase();
    const v1::Phase expected = PhaseOf("other").phase();
    EXPECT_EQ(phase.state(), v1::Phase::QUEUED);
    EXPECT_EQ(phase.step_count(), expected.step_count());
    EXPECT_EQ(phase.accounting().DebugString(),
              expected.accounting().DebugString());
    EXPECT_GT(expected.accounting().probe_count(), 0);
    auto state = cluster_->Lock();
    const auto& probes = state->FindStream("s").value()->probes;
    ASSERT_EQ(probes.size(), 1u);
    EXPECT_EQ(probes.begin()->second.held_out_phase(), 1);
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

TEST_F(PhaseMakerTest, ALostChunkIsSubmittedAgainAndItsPhaseRetried) {
  v1::CreateStreamRequest request = StreamRequest();
  request.mutable_config()->mutable_probe()->set_fraction(0.5);
  ASSERT_TRUE(parts_->streams.Create(request).ok());
  SubmitChunk("s", "s");
  const std::string index = Chunk().index_digest();
  ASSERT_TRUE(blobs_.Delete(index).ok());
  blobs_.Damage(Chunk().chunk().digest());
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::FAILED);
  EXPECT_THAT(PhaseOf("s").phase().reason(), HasSubstr("are damaged"));
  EXPECT_EQ(StreamState(), v1::Stream::BLOCKED);

  // It cannot be made yet.
  ASSERT_TRUE(Retry().ok());
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::FAILED);

  SubmitChunk("s", "s");
  ASSERT_TRUE(Retry().ok());
  EXPECT_EQ(StreamState(), v1::Stream::ACTIVE);
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(blobs_.Verify(index), absl::OkStatus());
  ExpectAsMadeAtOnce();
}

TEST_F(PhaseMakerTest, ALostChunkCountsUntilItsPhaseIsMade) {
  v1::CreateStreamRequest request = StreamRequest();
  // Nearly all of it is held out.
  request.mutable_config()->mutable_probe()->set_fraction(0.999999);
  ASSERT_TRUE(parts_->streams.Create(request).ok());
  SubmitChunk("s", "s");
  blobs_.Damage(Chunk().index_digest());
  blobs_.Damage(Chunk().chunk().digest());
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::FAILED);
  EXPECT_EQ(PhaseOf("s").phase().accounting().accepted_count(), 4);
  EXPECT_EQ(PhaseOf("s").phase().accounting().planned_count(), 4);

  SubmitChunk("s", "s");
  ASSERT_TRUE(Retry().ok());
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::SKIPPED);
  EXPECT_TRUE(PhaseOf("s").phase().has_end_time());
  EXPECT_EQ(PhaseOf("s").phase().accounting().probe_count(), 4);
  EXPECT_EQ(PhaseOf("s").phase().accounting().planned_count(), 0);
}

TEST_F(PhaseMakerTest, APhaseThatFailedBlocksNoneBeforeIt) {
  MakePhase();
  SubmitChunk("s", "two");
  blobs_.Damage(Chunk(2).index_digest());
  blobs_.Damage(Chunk(2).chunk().digest());
  ASSERT_TRUE(parts_->controller.Tick());
  ASSERT_EQ(PhaseOf("s", 2).phase().state(), v1::Phase::FAILED);
  AttachAndTrain("w");
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::TRAINING);
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
