#include "worker/comm/bucket_reducer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/member_threads.h"

namespace keel {
namespace {

std::vector<at::Tensor> Parameters() {
  // Values from a formula: threads share no generator.
  std::vector<at::Tensor> parameters;
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{6, 4}, {6}, {3, 6}, {3}}) {
    at::Tensor t = at::empty(shape);
    t.copy_(at::arange(t.numel(), at::kFloat).mul(0.37).sin().view(shape));
    parameters.push_back(t.requires_grad_(true));
  }
  return parameters;
}

// A loss summed over rows, so that the parts' losses add up.
at::Tensor Loss(const std::vector<at::Tensor>& p, const at::Tensor& x) {
  const at::Tensor hidden = at::tanh(at::linear(x, p[0], p[1]));
  return at::linear(hidden, p[2], p[3]).pow(2).sum();
}

at::Tensor Inputs(int64_t rows) {
  return at::arange(rows * 4, at::kFloat).mul(0.11).cos().view({rows, 4});
}

TEST(AssignBucketsTest, GoesFromTheLastParameterToTheFirst) {
  const std::vector<at::Tensor> p = {at::empty({4}), at::empty({4}),
                                     at::empty({4})};
  EXPECT_EQ(AssignBuckets(p, 20),
            (std::vector<std::vector<size_t>>{{2, 1}, {0}}));
}

TEST(AssignBucketsTest, GivesALargeParameterItsOwnBucket) {
  const std::vector<at::Tensor> p = {at::empty({1}), at::empty({100}),
                                     at::empty({1}), at::empty({1})};
  EXPECT_EQ(AssignBuckets(p, 64),
            (std::vector<std::vector<size_t>>{{3, 2}, {1}, {0}}));
}

TEST(BucketReducerTest, EqualsTheGradientOfTheWholeBatch) {
  const at::Tensor x = Inputs(7);
  std::vector<at::Tensor> whole = Parameters();
  Loss(whole, x).backward();
  testing::RunGroup(3, [&](Communicator& group) {
    std::vector<at::Tensor> parameters = Parameters();
    BucketReducer reducer(group, parameters, 64);
    const std::vector<int64_t> begin = {0, 3, 5, 7};
    for (int step = 0; step < 3; ++step) {
      reducer.Prepare();
      const int r = group.rank();
      Loss(parameters, x.narrow(0, begin[r], begin[r + 1] - begin[r]))
          .backward();
      ASSERT_TRUE(reducer.Finish().ok());
      for (size_t i = 0; i < parameters.size(); ++i) {
        EXPECT_TRUE(
            at::allclose(parameters[i].grad(), whole[i].grad(), 1e-5, 1e-6));
      }
    }
  });
}

TEST(BucketReducerTest, SendsWhatSeveralBackwardsAddUpTo) {
  const at::Tensor x = Inputs(9);
  std::vector<at::Tensor> whole = Parameters();
  Loss(whole, x).backward();
  testing::RunGroup(2, [&](Communicator& group) {
    std::vector<at::Tensor> parameters = Parameters();
    BucketReducer reducer(group, parameters, 64);
    // Members of two and of three backward passes.
    const std::vector<int64_t> cuts = group.rank() == 0
                                          ? std::vector<int64_t>{0, 1, 4}
                                          : std::vector<int64_t>{4, 6, 7, 9};
    for (int step = 0; step < 2; ++step) {
      reducer.Prepare();
      for (size_t i = 1; i < cuts.size(); ++i) {
        reducer.set_accumulating(i + 1 < cuts.size());
        Loss(parameters, x.narrow(0, cuts[i - 1], cuts[i] - cuts[i - 1]))
            .backward();
      }
      ASSERT_TRUE(reducer.Finish().ok());
      for (size_t i = 0; i < parameters.size(); ++i) {
        EXPECT_TRUE(
            at::allclose(parameters[i].grad(), whole[i].grad(), 1e-5, 1e-6));
      }
    }
  });
}

TEST(BucketReducerTest, WithoutOverlapLeavesBackwardsCollectivesAlone) {
  const at::Tensor x = Inputs(4);
  std::vector<at::Tensor> whole = Parameters();
  Loss(whole, x).backward();
  testing::RunGroup(2, [&](Communicator& group) {
    std::vector<at::Tensor> parameters = Parameters();
    BucketReducer reducer(group, parameters, 64);
    reducer.Prepare(/*overlap=*/false);
    // Buckets that one member alone had started would be summed with this.
    if (group.rank() == 1) Loss(parameters, x).backward();
    const at::Tensor one = at::ones({1});
    ASSERT_TRUE(group.AllReduceSum(one).ok());
    EXPECT_EQ(one.item<float>(), 2);
    ASSERT_TRUE(reducer.Finish().ok());
    for (size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_TRUE(at::allclose(parameters[i].grad(), whole[i].grad()));
    }
  });
}

TEST(BucketReducerTest, CountsAMemberWithoutBackwardAsZero) {
  const at::Tensor x = Inputs(4);
  std::vector<at::Tensor> whole = Parameters();
  Loss(whole, x).backward();
  testing::RunGroup(2, [&](Communicator& group) {
    std::vector<at::Tensor> parameters = Parameters();
    BucketReducer reducer(group, parameters);
    if (group.rank() == 1) Loss(parameters, x).backward();
    ASSERT_TRUE(reducer.Finish().ok());
    for (size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_TRUE(at::allclose(parameters[i].grad(), whole[i].grad()));
    }
  });
}

TEST(BucketReducerTest, TakesItsHooksAwayAtItsEnd) {
  std::vector<at::Tensor> parameters = Parameters();
  const auto solo = MakeSoloCommunicator();
  { BucketReducer reducer(*solo, parameters); }
  EXPECT_FALSE(parameters[0].grad().defined());
  Loss(parameters, Inputs(2)).backward();
  EXPECT_TRUE(parameters[0].grad().defined());
}

TEST(BucketReducerTest, ReturnsAbortedWhenTheGroupIsBroken) {
  std::vector<at::Tensor> parameters = Parameters();
  const auto solo = MakeSoloCommunicator();
  BucketReducer reducer(*solo, parameters);
  solo->Abort();
  Loss(parameters, Inputs(2)).backward();
  EXPECT_TRUE(absl::IsAborted(reducer.Finish()));
}

}  // namespace
}  // namespace keel
