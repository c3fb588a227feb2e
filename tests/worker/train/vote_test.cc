#include "worker/train/vote.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/testing/member_threads.h"

namespace keel {
namespace {

at::Tensor Finite(bool finite) { return at::full({}, finite, at::kBool); }

TEST(VoteTest, SumsTheBallotsOfAllMembers) {
  testing::RunGroup(3, [](Communicator& group) {
    const auto half = uint64_t{1} << 63;
    const Ballot mine = {.rows = 10 + group.rank(),
                         .hash = {half + 1, 7},
                         .stop_requests = group.rank() == 2 ? 1 : 0};
    auto vote = CastVote(group, mine, Finite(true));
    ASSERT_TRUE(vote.ok()) << vote.status();
    EXPECT_TRUE(vote->complete);
    EXPECT_EQ(vote->skip.item<float>(), 0);
    EXPECT_EQ(vote->sum.rows, 33);
    EXPECT_EQ(vote->sum.hash, (AccountingHash{half + 3, 21}));
    EXPECT_EQ(vote->sum.stop_requests, 1);
  });
}

TEST(VoteTest, IsIncompleteForAllWhenOneMemberIsNotFinite) {
  testing::RunGroup(2, [](Communicator& group) {
    auto vote = CastVote(group, Ballot{}, Finite(group.rank() == 0));
    ASSERT_TRUE(vote.ok());
    EXPECT_FALSE(vote->complete);
    EXPECT_EQ(vote->sum.non_finite, 1);
    EXPECT_EQ(vote->skip.item<float>(), 1);
  });
}

TEST(VoteTest, IsAbortedForAllWhenOneMemberDoesNotVote) {
  testing::RunGroup(3, [](Communicator& group) {
    if (group.rank() == 1) return group.Abort();
    EXPECT_TRUE(
        absl::IsAborted(CastVote(group, Ballot{}, Finite(true)).status()));
  });
}

TEST(VoteTest, IsAbortedWithTheGroup) {
  const auto solo = MakeSoloCommunicator();
  solo->Abort();
  EXPECT_TRUE(
      absl::IsAborted(CastVote(*solo, Ballot{}, Finite(true)).status()));
}

}  // namespace
}  // namespace keel
