#include <gtest/gtest.h>

#include "worker/comm/communicator.h"

namespace keel {
namespace {

TEST(SoloCommunicatorTest, LeavesTensorsAsTheyAre) {
  const auto solo = MakeSoloCommunicator();
  at::Tensor tensor = at::arange(6, at::kFloat).view({3, 2});
  const at::Tensor before = tensor.clone();
  ASSERT_TRUE(solo->AllReduceSum(tensor).ok());
  auto pending = solo->StartAllReduceSum(tensor);
  ASSERT_TRUE(pending.ok() && (*pending)->Wait().ok());
  ASSERT_TRUE(solo->Broadcast(tensor, 0).ok());
  EXPECT_TRUE(tensor.equal(before));
  EXPECT_TRUE(solo->AllGatherRows(tensor, {3})->equal(before));
}

TEST(SoloCommunicatorTest, RefusesEverythingAfterAbort) {
  const auto solo = MakeSoloCommunicator();
  solo->Abort();
  EXPECT_TRUE(absl::IsAborted(solo->AllReduceSum(at::ones({1}))));
  EXPECT_TRUE(absl::IsAborted(solo->StartAllReduceSum(at::ones({1})).status()));
}

}  // namespace
}  // namespace keel
