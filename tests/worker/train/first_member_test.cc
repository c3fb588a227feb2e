#include "worker/train/first_member.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/testing/member_threads.h"

namespace keel {
namespace {

const at::Device kCpu(at::kCPU);

TEST(RunOnFirstMemberTest, RunsOnceAndAllWaitForIt) {
  std::atomic<int> runs{0};
  testing::RunGroup(3, [&](Communicator& group) {
    const absl::Status status = RunOnFirstMember(group, kCpu, [&] {
      ++runs;
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(runs, 1);
  });
}

TEST(FarewellTest, NobodyLeavesBeforeAllHaveCome) {
  std::atomic<int> came{0};
  testing::RunGroup(3, [&](Communicator& group) {
    ++came;
    Farewell(group, kCpu);
    EXPECT_EQ(came, 3);
    group.Abort();
  });
}

TEST(RunOnFirstMemberTest, TellsTheOthersOfAFailure) {
  testing::RunGroup(2, [](Communicator& group) {
    const absl::Status status = RunOnFirstMember(
        group, kCpu, [] { return absl::DataLossError("disk"); });
    EXPECT_EQ(status.code(), group.rank() == 0 ? absl::StatusCode::kDataLoss
                                               : absl::StatusCode::kAborted);
  });
}

TEST(RunOnFirstMemberTest, FinishesTheWorkWhenTheGroupBreaksMeanwhile) {
  testing::RunGroup(2, [](Communicator& group) {
    if (group.rank() == 1) {
      group.Abort();
      return;
    }
    EXPECT_TRUE(
        RunOnFirstMember(group, kCpu, [] { return absl::OkStatus(); }).ok());
  });
}

}  // namespace
}  // namespace keel
