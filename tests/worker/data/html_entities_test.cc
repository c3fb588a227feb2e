#include "worker/data/html_entities.h"

#include <gtest/gtest.h>

#include <string>

namespace keel {
namespace {

TEST(UnescapeHtmlTest, TakesTheLongestKnownBeginningOfAName) {
  EXPECT_EQ(UnescapeHtml(U"this&not that"), U"this¬ that");
  EXPECT_EQ(UnescapeHtml(U"&notit;"), U"¬it;");
  EXPECT_EQ(UnescapeHtml(U"&notin;"), U"∉");
}

TEST(UnescapeHtmlTest, KeepsWhatIsNoReference) {
  EXPECT_EQ(UnescapeHtml(U"a & b &; &# &#x; &bogus;"),
            U"a & b &; &# &#x; &bogus;");
  EXPECT_EQ(UnescapeHtml(U"&"), U"&");
}

TEST(UnescapeHtmlTest, ReadsNumbersOfBothBases) {
  EXPECT_EQ(UnescapeHtml(U"&#65;&#x42;&#X43 &#68x"), U"ABC Dx");
}

TEST(UnescapeHtmlTest, ReplacesNumbersThatNameNoCharacter) {
  EXPECT_EQ(UnescapeHtml(U"&#0;&#xD800;&#x110000;&#99999999999999999999;"),
            U"\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(UnescapeHtml(U"a&#1;b&#xFFFE;c"), U"abc");
  EXPECT_EQ(UnescapeHtml(U"&#151;"), U"—");
}

TEST(UnescapeHtmlTest, GivesNamesOfTwoCharacters) {
  EXPECT_EQ(UnescapeHtml(U"&NotEqualTilde;"), U"\u2242\u0338");
}

TEST(UnescapeHtmlStrictlyTest, NeedsTheSemicolon) {
  EXPECT_EQ(UnescapeHtmlStrictly(U"this&not that &amp"), U"this&not that &amp");
  EXPECT_EQ(UnescapeHtmlStrictly(U"&amp;&notit;"), U"&&notit;");
}

TEST(UnescapeHtmlStrictlyTest, KnowsUpperCasedNames) {
  EXPECT_EQ(UnescapeHtmlStrictly(U"P&EACUTE;REZ"), U"PÉREZ");
  EXPECT_EQ(UnescapeHtmlStrictly(U"&SZLIG;"), U"SS");
  EXPECT_EQ(UnescapeHtmlStrictly(U"&nTILDE;"), U"&nTILDE;");
}

TEST(UnescapeHtmlStrictlyTest, KeepsAnEscapedSemicolon) {
  EXPECT_EQ(UnescapeHtmlStrictly(U"&#x3b;"), U"&#x3b;");
}

std::u32string Same(const std::u32string& text) { return text; }

TEST(UnescapeHtmlFullyTest, FollowsReferencesThatReferencesMake) {
  EXPECT_EQ(UnescapeHtmlFully(U"&amp;#38;amp;lt;b", Same), U"<b");
  EXPECT_EQ(UnescapeHtmlFully(U"&am&#112;;eacute;", Same), U"é");
  EXPECT_EQ(UnescapeHtmlFully(U"&semi&semi&semi; x", Same), U"; x");
  EXPECT_EQ(UnescapeHtmlFully(U"&#3&#53;;", Same), U"#");
}

TEST(UnescapeHtmlFullyTest, KeepsWhatIsNoReference) {
  EXPECT_EQ(UnescapeHtmlFully(U"&; &bogus; &#x3b; ; &amp", Same),
            U"&; &bogus; &#x3b; ; &amp");
  EXPECT_EQ(UnescapeHtmlFully(U"&aaaaaaaaaaaaaaaaaaaaaaaaa;", Same),
            U"&aaaaaaaaaaaaaaaaaaaaaaaaa;");
  EXPECT_EQ(UnescapeHtmlFully(U"&#000000000000000000000065;", Same), U"A");
  EXPECT_EQ(UnescapeHtmlFully(U"&#0000000000000000000000065;", Same),
            U"&#0000000000000000000000065;");
}

TEST(UnescapeHtmlFullyTest, RepairsWhatAReferenceStandsFor) {
  const auto to_ampersand = [](const std::u32string& text) {
    return text == U"＆" ? std::u32string(U"&") : text;
  };
  EXPECT_EQ(UnescapeHtmlFully(U"&#65286;lt;", to_ampersand), U"<");
}

}  // namespace
}  // namespace keel
