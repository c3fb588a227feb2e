#include "common/plan/mix.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

// The first two are SplitMix64's published outputs for the seeds 0 and 1.
TEST(Mix64Test, GivesKnownAnswers) {
  EXPECT_EQ(Mix64(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(Mix64(1), 0x910a2dec89025cc1u);
  EXPECT_EQ(Mix64(~uint64_t{0}), 0xe4d971771b652c20u);
}

TEST(MixKeyTest, GivesKnownAnswers) {
  EXPECT_EQ(MixKey({}), 0x6b65656c2d706c61u);
  EXPECT_EQ(MixKey({1, 2}), 0x33468a18d499e8e6u);
}

TEST(MixKeyTest, DependsOnOrder) {
  EXPECT_EQ(MixKey({2, 1}), 0x23cea90d092af8e9u);
}

TEST(MixKeyTest, TellsTrailingZerosApart) {
  EXPECT_NE(MixKey({1}), MixKey({1, 0}));
}

}  // namespace
}  // namespace keel
