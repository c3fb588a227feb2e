#include "coordinator/services/groups.h"

#include <string>

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

}  // namespace
}  // namespace keel::testing
