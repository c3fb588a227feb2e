#include "worker/agent/worker_identity.h"

#include "common/file_system.h"
#include "common/reason.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

class WorkerIdentityTest : public testing::Test {
 protected:
  const TestFolder folder_;
  const std::string directory_ = folder_.Path("state");
};

TEST_F(WorkerIdentityTest, IncarnationGrowsAndIdStays) {
  auto first = WorkerIdentity::Open(directory_, "");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string id = (*first)->id();
  EXPECT_EQ((*first)->incarnation(), 1);
  first->reset();
  auto second = WorkerIdentity::Open(directory_, "");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->incarnation(), 2);
  EXPECT_EQ((*second)->id(), id);
}

TEST_F(WorkerIdentityTest, RefusesAFolderInUse) {
  const auto first = WorkerIdentity::Open(directory_, "w0");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(WorkerIdentity::Open(directory_, "w0").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WorkerIdentityTest, RefusesAnotherId) {
  ASSERT_TRUE(WorkerIdentity::Open(directory_, "w0").ok());
  EXPECT_EQ(WorkerIdentity::Open(directory_, "w1").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(WorkerIdentity::Open(directory_, "w0").value()->id(), "w0");
}

TEST_F(WorkerIdentityTest, RefusesADamagedIncarnation) {
  ASSERT_TRUE(WorkerIdentity::Open(directory_, "w0").ok());
  ASSERT_TRUE(
      WriteFileAtomically(JoinPath(directory_, "incarnation"), "x7\n").ok());
  EXPECT_EQ(WorkerIdentity::Open(directory_, "w0").status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(WorkerIdentityTest, RemembersItsCluster) {
  auto state = WorkerIdentity::Open(directory_, "w0");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ((*state)->cluster_id(), "");
  EXPECT_TRUE((*state)->JoinCluster("a").ok());
  state->reset();
  state = WorkerIdentity::Open(directory_, "w0");
  EXPECT_EQ((*state)->cluster_id(), "a");
  EXPECT_TRUE((*state)->JoinCluster("a").ok());
  const absl::Status other = (*state)->JoinCluster("b");
  EXPECT_EQ(other.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(other).reason, "CLUSTER_MISMATCH");
}

TEST_F(WorkerIdentityTest, EmptiesTheScratchFolder) {
  auto state = WorkerIdentity::Open(directory_, "w0");
  const std::string left = JoinPath((*state)->scratch_directory(), "left");
  ASSERT_TRUE(WriteFileAtomically(left, "x").ok());
  state->reset();
  state = WorkerIdentity::Open(directory_, "w0");
  EXPECT_FALSE(FileExists(left));
}

}  // namespace
}  // namespace keel
