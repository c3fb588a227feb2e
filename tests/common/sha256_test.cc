#include "common/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace keel {
namespace {

constexpr char kAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// FIPS 180-2, appendix B.
TEST(Sha256Test, GivesKnownAnswers) {
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
}

TEST(Sha256Test, GivesTheSameForDataInPieces) {
  Sha256 digest;
  digest.Update("a");
  digest.Update("");
  digest.Update("bc");
  EXPECT_EQ(ToHex(digest.Finish()), kAbc);
}

TEST(Sha256Test, GoesOnAfterAMove) {
  Sha256 digest;
  digest.Update("ab");
  Sha256 moved = std::move(digest);
  moved.Update("c");
  EXPECT_EQ(ToHex(moved.Finish()), kAbc);
}

TEST(Sha256Test, TellsDigestsFromOtherText) {
  EXPECT_TRUE(IsSha256Hex(kAbc));
  EXPECT_FALSE(IsSha256Hex(std::string(kAbc).substr(1)));
  EXPECT_FALSE(IsSha256Hex("B" + std::string(kAbc).substr(1)));
  EXPECT_FALSE(IsSha256Hex("g" + std::string(kAbc).substr(1)));
  EXPECT_FALSE(IsSha256Hex(""));
}

TEST(Crc32Test, GivesTheStandardsCheckValue) {
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926u);
}

TEST(Crc32Test, GoesOnFromAnEarlierValue) {
  EXPECT_EQ(Crc32("6789", Crc32("12345")), Crc32("123456789"));
}

}  // namespace
}  // namespace keel
