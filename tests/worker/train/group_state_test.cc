#include "worker/train/group_state.h"

#include <gtest/gtest.h>

#include "tests/testing/member_threads.h"

namespace keel {
namespace {

const at::Device kCpu(at::kCPU);

TEST(StateDigestTest, ChangesWithEveryBitAndTheStep) {
  const at::Tensor a = at::ones({3});
  at::Tensor b = at::ones({3});
  EXPECT_EQ(StateDigest(4, {a}), StateDigest(4, {b}));
  EXPECT_NE(StateDigest(4, {a}), StateDigest(5, {a}));
  b[2] = 1.0f + 1e-7f;
  EXPECT_NE(StateDigest(4, {a}), StateDigest(4, {b}));
}

TEST(RequireEqualStateTest, AgreesWhenAllAreEqual) {
  testing::RunGroup(3, [](Communicator& group) {
    const std::string digest = StateDigest(1, {at::ones({5})});
    EXPECT_TRUE(RequireEqualState(group, digest, kCpu).ok());
  });
}

TEST(RequireEqualStateTest, AbortsOnAllMembersWhenOneDiffers) {
  testing::RunGroup(3, [](Communicator& group) {
    const std::string digest =
        StateDigest(group.rank() == 2 ? 1 : 0, {at::ones({5})});
    const absl::Status status = RequireEqualState(group, digest, kCpu);
    EXPECT_TRUE(absl::IsAborted(status)) << status;
  });
}

}  // namespace
}  // namespace keel
