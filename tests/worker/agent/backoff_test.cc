#include "worker/agent/backoff.h"

#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(BackoffTest, DoublesUpToItsBoundWithJitter) {
  Backoff backoff({absl::Milliseconds(100), absl::Milliseconds(400)});
  for (const int nominal : {100, 200, 400, 400}) {
    const absl::Duration pause = backoff.Next();
    EXPECT_GE(pause, absl::Milliseconds(nominal) / 2);
    EXPECT_LE(pause, absl::Milliseconds(nominal));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

TEST(BackoffTest, RefusesBadBounds) {
  Backoff::Options options;
  EXPECT_TRUE(options.Validate().ok());
  options.max = options.initial / 2;
  EXPECT_FALSE(options.Validate().ok());
}

TEST(BackoffTest, KnowsWhatIsWorthAnotherTry) {
  EXPECT_TRUE(IsTransient(absl::UnavailableError("")));
  EXPECT_TRUE(IsTransient(absl::DeadlineExceededError("")));
  EXPECT_FALSE(IsTransient(absl::AbortedError("")));
  EXPECT_FALSE(IsTransient(absl::NotFoundError("")));
}

}  // namespace
}  // namespace keel
