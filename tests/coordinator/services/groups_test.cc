#include "coordinator/services/groups.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class GroupsTest : public PartsFixture {
 protected:
  void SayLeaving(const std::string& id) {
    v1::WorkerMessage message;
    message.mutable_leaving()->set_reason("SIGTERM");
    Say(id, message);
  }
  // The phase's generation of workers a and b.
  int64_t FormPair() {
    MakePhase();
    Attach("a");
    return AttachAndTrain("b")->messages.back().join_group().generation();
  }
};

TEST_F(GroupsTest, AGroupThatBrokeBeforeAStepCounts) {
  EndGroup("a", FormPair(), v1::GroupEnded::BROKEN);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 0);
  EXPECT_EQ(PhaseOf("s").forming_failures(), 1);
}

TEST_F(GroupsTest, AWorkerThatCannotTakePartRestsAndTheOthersTrain) {
  EndGroup("b", FormPair(), v1::GroupEnded::UNABLE);
  ASSERT_TRUE(parts_->controller.Tick());  // breaks the group
  EndGroup("a", 1, v1::GroupEnded::STOPPED);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 2);
  EndGroup("a", 2, v1::GroupEnded::BROKEN);
  ASSERT_TRUE(parts_->controller.Tick());
  // A new line is no new process; its rest goes on.
  const auto sink = Attach("b");
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 3);
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 0);
  EndGroup("a", 3, v1::GroupEnded::BROKEN);
  ASSERT_TRUE(parts_->controller.Tick());
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 1);
  // The second time in a row b rests for two seconds, and a for one.
  EndGroup("b", 4, v1::GroupEnded::UNABLE);
  ASSERT_TRUE(parts_->controller.Tick());
  EndGroup("a", 4, v1::GroupEnded::UNABLE);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 0);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 5);
  EXPECT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 1);
}

TEST_F(GroupsTest, WorkersThatAreRestartedInTurnFailNoPhase) {
  MakePhase();
  for (int i = 0; i <= PlannerOptions().max_forming_failures; ++i) {
    const std::string id = absl::StrCat("w", i);
    const auto sink = AttachAndTrain(id);
    ASSERT_EQ(sink->Count(v1::CoordinatorMessage::kJoinGroup), 1);
    SayLeaving(id);
    EndGroup(id, sink->messages.back().join_group().generation(),
             v1::GroupEnded::STOPPED);
    ASSERT_TRUE(parts_->controller.Tick());
    ASSERT_EQ(PhaseOf("s").phase().generation(), 0);
  }
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::TRAINING);
  EXPECT_EQ(PhaseOf("s").forming_failures(), 0);
}

TEST_F(GroupsTest, ThePeersOfAMemberThatDrainsMayBeHeardFirst) {
  const int64_t generation = FormPair();
  ASSERT_TRUE(parts_->workers.Drain("a").ok());
  EndGroup("b", generation, v1::GroupEnded::BROKEN);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 0);
  EXPECT_EQ(PhaseOf("s").forming_failures(), 0);
}

// A coordinator that has restarted knows no more that it drains.
TEST_F(GroupsTest, AMemberThatWasStoppedCountsNot) {
  EndGroup("a", FormPair(), v1::GroupEnded::STOPPED);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().generation(), 0);
  EXPECT_EQ(PhaseOf("s").forming_failures(), 0);
}

TEST_F(GroupsTest, MembersLearnWhereTheConfigurationDiffersFromItsProfile) {
  MakePhase();
  const auto sink = AttachAndTrain("a");
  const v1::JoinGroup& join = sink->messages.back().join_group();
  ASSERT_EQ(join.deviations_size(), 2);
  EXPECT_EQ(join.deviations(0).key(), "train.epochs");
  EXPECT_EQ(join.deviations(0).value(), "2");
  EXPECT_EQ(join.deviations(0).profile_default(), "35");
  EXPECT_EQ(join.deviations(1).key(), "train.global_batch");
}

TEST_F(GroupsTest, MemberZeroGetsTheProbeSetsOfLiveDriftIfThereIsAParent) {
  MakePhase();
  const auto live_probes = [this](const KeptMessages& sink) {
    const v1::JoinGroup& join = sink.messages.back().join_group();
    EXPECT_NE(join.generation(), 0);
    EndGroup(join.rank() == 0 ? "a" : "b", join.generation(),
             v1::GroupEnded::BROKEN);
    return std::pair(join.rank(), join.live_probes_size());
  };
  {
    auto state = cluster_->Lock();
    storage::v1::ProbeRecord& exam = state->streams.at("s").probes["exam"];
    exam.set_name("exam");
    exam.add_chunks()->set_index_digest("i");
  }
  auto a = Attach("a");
  EXPECT_EQ(live_probes(*AttachAndTrain("b")).second, 0);
  EXPECT_EQ(live_probes(*a), std::pair(0, 0));
  {
    auto state = cluster_->Lock();
    StreamState& stream = state->streams.at("s");
    stream.checkpoints[0].add_files()->set_name("w");
    stream.record.mutable_stream()->set_published_phase(0);
    stream.phases.at(1).record.mutable_phase()->set_parent(0);
  }
  ASSERT_TRUE(parts_->controller.Tick());
  clock_.Advance(PlannerOptions().join_window);
  a = Attach("a");
  const auto b = AttachAndTrain("b");
  EXPECT_EQ(live_probes(*b), std::pair(1, 0));
  EXPECT_EQ(live_probes(*a), std::pair(0, 1));
}

}  // namespace
}  // namespace keel::testing
