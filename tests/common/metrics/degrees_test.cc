#include "common/metrics/degrees.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "common/metrics/names.h"

namespace keel {
namespace {

using testing::ElementsAre;

TEST(FoldDegreeCountsTest, PutsEachDegreeUnderItsBound) {
  EXPECT_THAT(FoldDegreeCounts({1, 2, 4, 8, 16, 32}, {1, 3, 5}),
              ElementsAre(1, 6, 24, 32));
}

TEST(FoldDegreeCountsTest, CountsAllAboveWithoutBounds) {
  EXPECT_THAT(FoldDegreeCounts({1, 2}, {}), ElementsAre(3));
}

TEST(FoldDegreeCountsTest, GivesZerosForNoCounts) {
  EXPECT_THAT(FoldDegreeCounts({}, {1, 2}), ElementsAre(0, 0, 0));
}

TEST(FoldDegreeCountsTest, LosesNoAngle) {
  std::vector<int64_t> counts(180);
  std::iota(counts.begin(), counts.end(), 1);
  const auto folded = FoldDegreeCounts(counts, DegreeBounds());
  EXPECT_EQ(std::accumulate(folded.begin(), folded.end(), int64_t{0}),
            180 * 181 / 2);
  EXPECT_EQ(folded.back(), 0);
}

}  // namespace
}  // namespace keel
