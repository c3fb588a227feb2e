#include "worker/train/group_state.h"

#include <gtest/gtest.h>

#include "tests/testing/member_threads.h"

namespace keel {
namespace {

std::string Digest(int64_t step, const std::vector<at::Tensor>& tensors) {
  return StateDigest(step, tensors, [] { return false; }).value();
}

TEST(StateDigestTest, IsStoppedBetweenTwoTensors) {
  int asked = 0;
  const auto second = [&asked] { return ++asked == 2; };
  const at::Tensor a = at::ones({3});
  EXPECT_TRUE(absl::IsCancelled(StateDigest(4, {a, a}, second).status()));
}

TEST(StateDigestTest, ChangesWithEveryBitAndTheStep) {
  const at::Tensor a = at::ones({3});
  at::Tensor b = at::ones({3});
  EXPECT_EQ(Digest(4, {a}), Digest(4, {b}));
  EXPECT_NE(Digest(4, {a}), Digest(5, {a}));
  b[2] = 1.0f + 1e-7f;
  EXPECT_NE(Digest(4, {a}), Digest(4, {b}));
}

TEST(RequireEqualStateTest, AgreesWhenAllAreEqual) {
  testing::RunGroup(3, [](Communicator& group) {
    const std::string digest = Digest(1, {at::ones({5})});
    EXPECT_TRUE(RequireEqualState(group, digest, at::kCPU).ok());
  });
}

TEST(RequireEqualStateTest, AbortsOnAllMembersWhenOneDiffers) {
  testing::RunGroup(3, [](Communicator& group) {
    const std::string digest =
        Digest(group.rank() == 2 ? 1 : 0, {at::ones({5})});
    const absl::Status status = RequireEqualState(group, digest, at::kCPU);
    EXPECT_TRUE(absl::IsAborted(status)) << status;
  });
}

}  // namespace
}  // namespace keel
