#include "coordinator/client/commands/command_context.h"

#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(ParseTimeoutTest, TakesDurationsAndSeconds) {
  EXPECT_EQ(*ParseTimeout("30s"), absl::Seconds(30));
  EXPECT_EQ(*ParseTimeout("2m"), absl::Minutes(2));
  EXPECT_EQ(*ParseTimeout("1.5"), absl::Milliseconds(1500));
}

TEST(ParseTimeoutTest, RefusesOtherTexts) {
  for (const char* text : {"", "soon", "0", "-1s", "inf", "5 parsecs"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTimeout(text).status())) << text;
  }
}

TEST(ParseStreamAtPhaseTest, TakesAStreamWithOrWithoutAPhase) {
  EXPECT_EQ(ParseStreamAtPhase("clips")->stream, "clips");
  EXPECT_EQ(ParseStreamAtPhase("clips")->phase, -1);
  EXPECT_EQ(ParseStreamAtPhase("clips@3")->stream, "clips");
  EXPECT_EQ(ParseStreamAtPhase("clips@3")->phase, 3);
  EXPECT_EQ(ParseStreamAtPhase("clips@0")->phase, 0);
}

TEST(ParseStreamAtPhaseTest, RefusesOtherTexts) {
  for (const char* text :
       {"", "@1", "clips@", "clips@x", "clips@-1", "a@1@2"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStreamAtPhase(text).status()))
        << text;
  }
}

TEST(CommandContextTest, ChecksTheGlobalOptions) {
  CommandContext context;
  EXPECT_TRUE(context.Validate().ok());
  context.timeout_text = "never";
  EXPECT_TRUE(absl::IsInvalidArgument(context.Validate()));
  context.timeout_text = "5s";
  context.coordinator = "localhost";
  EXPECT_TRUE(absl::IsInvalidArgument(context.Validate()));
  context.coordinator = "localhost:1";
  EXPECT_TRUE(context.Validate().ok());
  EXPECT_EQ(context.timeout(), absl::Seconds(5));
}

}  // namespace
}  // namespace keel
