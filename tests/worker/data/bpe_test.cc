#include "worker/data/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keel {
namespace {

using ::testing::ElementsAre;

// Ids of letters: 'a' is the 65th printable byte, and 256 more ends a word.
constexpr int kA = 'a' - '!';
constexpr int kB = 'b' - '!';
constexpr int kEndOfWord = 256;
constexpr int kFirstMerge = 512;

TEST(BpeTest, GivesBytesWhereNothingMerges) {
  const Bpe bpe("");
  EXPECT_THAT(bpe.Encode("ab"), ElementsAre(kA, kB + kEndOfWord));
  EXPECT_THAT(bpe.Encode("a"), ElementsAre(kA + kEndOfWord));
}

TEST(BpeTest, MergesTheEarlierRuleFirst) {
  const Bpe bpe("b a\na b\n");
  EXPECT_THAT(bpe.Encode("abab"),
              ElementsAre(kA, kFirstMerge, kB + kEndOfWord));
}

TEST(BpeTest, MergesFromTheLeftWherePairsOverlap) {
  const Bpe bpe("a a\n");
  EXPECT_THAT(bpe.Encode("aaaa"),
              ElementsAre(kFirstMerge, kA, kA + kEndOfWord));
}

TEST(BpeTest, MergesWhatWasMerged) {
  const Bpe bpe("a b\nab a</w>\n");
  EXPECT_THAT(bpe.Encode("aba"), ElementsAre(kFirstMerge + 1));
}

// 64 KiB of letters is the longest caption; here four times that.
TEST(BpeTest, NeedsNoLongerForOneHugeWord) {
  const Bpe bpe("a a\naa aa\naaaa aaaa\na b\n");
  const absl::Time begin = absl::Now();
  EXPECT_EQ(bpe.Encode(std::string(256 << 10, 'a')).size(), (32u << 10) + 3);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

TEST(BpeTest, PutsUnprintableBytesBehindThePrintable) {
  const Bpe bpe("");
  EXPECT_THAT(bpe.Encode(std::string_view("\0", 1)),
              ElementsAre(188 + kEndOfWord));
  EXPECT_THAT(bpe.Encode("\xAD"), ElementsAre(255 + kEndOfWord));
}

}  // namespace
}  // namespace keel
