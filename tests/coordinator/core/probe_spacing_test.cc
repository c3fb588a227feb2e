#include "coordinator/core/probe_spacing.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ProbeSpacingTest, TakesAllWhileThereAreFew) {
  EXPECT_THAT(SpacedPositions(0), IsEmpty());
  EXPECT_THAT(SpacedPositions(1), ElementsAre(0));
  EXPECT_THAT(SpacedPositions(8), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(ProbeSpacingTest, TakesFirstLastAndEverOlderOnesOfMany) {
  EXPECT_THAT(SpacedPositions(9), ElementsAre(0, 4, 6, 7, 8));
  EXPECT_THAT(SpacedPositions(20), ElementsAre(0, 3, 11, 15, 17, 18, 19));
}

TEST(ProbeSpacingTest, GrowsWithTheLogarithm) {
  EXPECT_EQ(SpacedPositions(1'000'000).size(), 22u);
}

}  // namespace
}  // namespace keel
