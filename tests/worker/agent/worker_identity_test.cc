#include "worker/agent/worker_identity.h"

#include "common/file_system.h"
#include "common/reason.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

class WorkerIdentityTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<WorkerIdentity>> Open(const std::string& id) {
    return WorkerIdentity::Open(directory_, id, absl::FromUnixMicros(now_));
  }

  int64_t now_ = 1'000;
  const TestFolder folder_;
  const std::string directory_ = folder_.Path("state");
};

TEST_F(WorkerIdentityTest, IncarnationGrowsAndIdStays) {
  auto first = Open("");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string id = (*first)->id();
  EXPECT_EQ((*first)->incarnation(), 1'001);
  first->reset();
  auto second = Open("");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->incarnation(), 1'002);
  EXPECT_EQ((*second)->id(), id);
}

TEST_F(WorkerIdentityTest, AFolderThatWasThrownAwayCountsOn) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Open("w0").ok());
  ASSERT_TRUE(RemoveRecursively(directory_).ok());
  now_ += 60;
  EXPECT_EQ(Open("w0").value()->incarnation(), 1'061);
  // A clock that was set back: what is stored counts.
  now_ = 5;
  EXPECT_EQ(Open("w0").value()->incarnation(), 1'062);
}

TEST_F(WorkerIdentityTest, RefusesAFolderInUse) {
  const auto first = Open("w0");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(Open("w0").status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(WorkerIdentityTest, RefusesAnotherId) {
  ASSERT_TRUE(Open("w0").ok());
  EXPECT_EQ(Open("w1").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Open("w0").value()->id(), "w0");
}

TEST_F(WorkerIdentityTest, RefusesADamagedIncarnation) {
  ASSERT_TRUE(Open("w0").ok());
  ASSERT_TRUE(
      WriteFileAtomically(JoinPath(directory_, "incarnation"), "x7\n").ok());
  EXPECT_EQ(Open("w0").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(WorkerIdentityTest, RemembersItsCluster) {
  auto state = Open("w0");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ((*state)->cluster_id(), "");
  EXPECT_TRUE((*state)->JoinCluster("a").ok());
  state->reset();
  state = Open("w0");
  EXPECT_EQ((*state)->cluster_id(), "a");
  EXPECT_TRUE((*state)->JoinCluster("a").ok());
  const absl::Status other = (*state)->JoinCluster("b");
  EXPECT_EQ(other.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(other).reason, "CLUSTER_MISMATCH");
}

TEST_F(WorkerIdentityTest, EmptiesTheScratchFolder) {
  auto state = Open("w0");
  const std::string left = JoinPath((*state)->scratch_directory(), "left");
  ASSERT_TRUE(WriteFileAtomically(left, "x").ok());
  state->reset();
  state = Open("w0");
  EXPECT_FALSE(FileExists(left));
}

}  // namespace
}  // namespace keel
