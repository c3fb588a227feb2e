#include "common/plan/accounting_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace keel {
namespace {

// The first 16 bytes of the SHA-256 of "image" and "caption".
std::string ImageDigest() {
  return "\x61\x05\xd6\xcc\x76\xaf\x40\x03"
         "\x25\xe9\x4d\x58\x8c\xe5\x11\xbe";
}
std::string CaptionDigest() {
  return "\x17\x6c\xa5\x29\x06\xb0\x01\xda"
         "\xa8\x16\x56\x29\x88\x46\x4d\x2a";
}

AccountingHash Row(int epoch, int64_t sample) {
  return HashRow(AccountingKey(3, 11), epoch, sample, ImageDigest(),
                 CaptionDigest());
}

TEST(AccountingHashTest, DoesNotDependOnTheOrderOfRows) {
  AccountingHash forward, backward;
  for (int i = 0; i < 10; ++i) forward += Row(i % 2, i);
  for (int i = 9; i >= 0; --i) backward += Row(i % 2, i);
  EXPECT_EQ(forward, backward);
}

TEST(AccountingHashTest, CountsARowTwiceIfItIsThereTwice) {
  AccountingHash once = Row(0, 1), twice = Row(0, 1);
  twice += Row(0, 1);
  EXPECT_FALSE(once == twice);
}

TEST(AccountingHashTest, DependsOnEveryArgument) {
  const uint64_t key = AccountingKey(3, 11);
  const AccountingHash base = HashRow(key, 2, 9, "image", "caption");
  const AccountingHash others[] = {
      HashRow(AccountingKey(4, 11), 2, 9, "image", "caption"),
      HashRow(AccountingKey(3, 12), 2, 9, "image", "caption"),
      HashRow(key, 3, 9, "image", "caption"),
      HashRow(key, 2, 8, "image", "caption"),
      HashRow(key, 2, 9, "imagf", "caption"),
      HashRow(key, 2, 9, "image", "captiom"),
      HashRow(key, 2, 9, "caption", "image"),
  };
  for (const AccountingHash& other : others) {
    EXPECT_NE(base.low, other.low);
    EXPECT_NE(base.high, other.high);
  }
}

TEST(AccountingHashTest, UsesAllSixteenBytesOfADigest) {
  for (size_t i = 0; i < 16; ++i) {
    std::string changed = ImageDigest();
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(HashRow(1, 0, 0, changed, "") ==
                 HashRow(1, 0, 0, ImageDigest(), ""));
  }
}

TEST(AccountingHashTest, IgnoresBytesAfterTheSixteenth) {
  EXPECT_EQ(HashRow(1, 0, 0, ImageDigest() + "more", ""),
            HashRow(1, 0, 0, ImageDigest(), ""));
}

// The accounts of every phase ever trained are checked against these.
TEST(AccountingHashTest, GivesKnownAnswers) {
  const uint64_t key = AccountingKey(3, 11);
  EXPECT_EQ(key, 0xdbd04aecaa678ebdu);
  EXPECT_EQ(Row(2, 9).low, 0x562dfe03042854c4u);
  EXPECT_EQ(Row(2, 9).high, 0x464e0686d380df2cu);
  EXPECT_EQ(HashRow(key, 2, 9, "", "").low, 0x94945b8ca8561c25u);
  EXPECT_EQ(HashRow(key, 2, 9, "", "").high, 0x98efb742d9e91f7eu);
}

}  // namespace
}  // namespace keel
