#include "common/utf8.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

TEST(Utf8Test, AcceptsCharactersOfEveryLength) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
  EXPECT_TRUE(IsValidUtf8("\xf4\x8f\xbf\xbf"));  // U+10FFFF
}

TEST(Utf8Test, RefusesWhatIsNoCharacter) {
  for (const char* text : {
           "\x80",              // continuation first
           "\xc3",              // cut off
           "\xc3z",             // no continuation
           "\xc0\xaf",          // overlong, two bytes
           "\xe0\x80\xaf",      // overlong, three bytes
           "\xf0\x80\x80\xaf",  // overlong, four bytes
           "\xed\xa0\x80",      // surrogate
           "\xf4\x90\x80\x80",  // above U+10FFFF
           "\xff",
       }) {
    EXPECT_FALSE(IsValidUtf8(text)) << text;
  }
}

TEST(Utf8Test, ReplacesBytesThatAreNoCharacter) {
  EXPECT_EQ(ToValidUtf8("a\xff\xc3\xa9\xc3"), "a?\xc3\xa9?");
}

TEST(Utf8Test, CutsAtTheEndOfACharacter) {
  EXPECT_EQ(ToValidUtf8("a\xe2\x82\xac", 3), "a");
  EXPECT_EQ(ToValidUtf8("a\xe2\x82\xac", 4), "a\xe2\x82\xac");
}

}  // namespace
}  // namespace keel
