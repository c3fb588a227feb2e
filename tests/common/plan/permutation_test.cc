#include "common/plan/permutation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace keel {
namespace {

std::vector<int64_t> AllOf(const Permutation& permutation) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < permutation.size(); ++i) {
    all.push_back(permutation(i));
  }
  return all;
}

void ExpectBijection(uint64_t key, int64_t size) {
  std::vector<bool> hit(size, false);
  for (int64_t element : AllOf(Permutation(key, size))) {
    ASSERT_GE(element, 0) << size;
    ASSERT_LT(element, size) << size;
    ASSERT_FALSE(hit[element]) << element << " twice, size " << size;
    hit[element] = true;
  }
}

TEST(PermutationTest, IsABijectionOfEverySmallSize) {
  for (int64_t size = 1; size <= 300; ++size) ExpectBijection(size * 31, size);
}

TEST(PermutationTest, IsABijectionAroundPowersOfTwo) {
  for (int64_t power : {1024, 4096, 65536}) {
    for (int64_t size : {power - 1, power, power + 1}) {
      ExpectBijection(17, size);
    }
  }
}

// The order of every stream that was ever trained hangs on these.
TEST(PermutationTest, GivesKnownAnswers) {
  EXPECT_THAT(AllOf(Permutation(42, 10)),
              testing::ElementsAre(1, 5, 8, 3, 9, 6, 2, 0, 4, 7));
  const Permutation odd(7, 1'000'003);
  EXPECT_EQ(odd(0), 733310);
  EXPECT_EQ(odd(1), 36837);
  EXPECT_EQ(odd(999'999), 327173);
  EXPECT_EQ(odd(1'000'002), 221783);
  const Permutation large(1, int64_t{1} << 40);
  EXPECT_EQ(large(0), 383512486019);
  EXPECT_EQ(large((int64_t{1} << 40) - 1), 531551119542);
}

TEST(PermutationTest, DiffersByKey) {
  EXPECT_NE(AllOf(Permutation(1, 100)), AllOf(Permutation(2, 100)));
}

// Over many keys every element comes first about equally often: chi-square
// with 9 degrees of freedom stays below its 99.9 % point.
TEST(PermutationTest, PutsEveryElementFirstEquallyOften) {
  constexpr int kKeys = 10000, kSize = 10;
  std::vector<int> counts(kSize, 0);
  for (uint64_t key = 0; key < kKeys; ++key) {
    ++counts[Permutation(key, kSize)(0)];
  }
  double chi_square = 0;
  for (int count : counts) {
    const double off = count - kKeys / kSize;
    chi_square += off * off / (kKeys / kSize);
  }
  EXPECT_LT(chi_square, 27.9);
}

}  // namespace
}  // namespace keel
