#include "worker/train/struck_limit.h"

#include <gtest/gtest.h>

#include "common/reason.h"

namespace keel {
namespace {

TEST(StruckLimitTest, AllowsTheLimitAndNoMore) {
  StruckLimit limit(0.02, 100);
  EXPECT_TRUE(limit.Count(0, {{1, "IMAGE_DECODE"}, {2, "IMAGE_DECODE"}}).ok());
  const absl::Status status = limit.Count(0, {{7, "IMAGE_DECODE"}});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ReasonOf(status).reason, "TOO_MANY_STRUCK");
  EXPECT_NE(status.message().find("3 of 100"), std::string::npos) << status;
  EXPECT_NE(status.message().find("7 (IMAGE_DECODE)"), std::string::npos);
}

TEST(StruckLimitTest, CountsEachEpochAnew) {
  StruckLimit limit(0.01, 100);
  for (int epoch = 0; epoch < 5; ++epoch) {
    EXPECT_TRUE(limit.Count(epoch, {{1, "IMAGE_DECODE"}}).ok());
  }
}

TEST(StruckLimitTest, CountsASampleThatIsReplayedOnceInAnEpoch) {
  StruckLimit limit(0.01, 100);
  for (int step = 0; step < 5; ++step) {
    EXPECT_TRUE(limit.Count(0, {{107, "IMAGE_DECODE"}}).ok());
  }
  EXPECT_FALSE(limit.Count(0, {{108, "IMAGE_DECODE"}}).ok());
}

}  // namespace
}  // namespace keel
