#include "worker/data/text_cleaner.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keel {
namespace {

TEST(TextCleanerTest, CollapsesBlanksAndLowersLetters) {
  EXPECT_EQ(CleanText("  A\t photo \n\n of  X  "), "a photo of x");
  EXPECT_EQ(CleanText("a\u00A0\u3000b"), "a b");
  EXPECT_EQ(CleanText(" \n\t "), "");
}

TEST(TextCleanerTest, UnescapesHtmlTwice) {
  EXPECT_EQ(CleanText("fish &amp;amp; chips"), "fish & chips");
  EXPECT_EQ(CleanText("&amp;lt;b&amp;gt;"), "<b>");
}

TEST(TextCleanerTest, LeavesUpperCaseEntitiesWhereTheTextIsHtml) {
  EXPECT_EQ(CleanText("&EACUTE;"), "é");
  EXPECT_EQ(CleanText("<p> &EACUTE;"), "<p> &eacute;");
  EXPECT_EQ(CleanText("&EACUTE;\n<p>\n&EACUTE;"), "é <p> &eacute;");
}

TEST(TextCleanerTest, StraightensQuotesLigaturesAndWidths) {
  EXPECT_EQ(CleanText("“it’s”"), "\"it's\"");
  EXPECT_EQ(CleanText("ﬂuﬃest"), "fluffiest");
  EXPECT_EQ(CleanText("ＬＯＵＤ　１"), "loud 1");
}

TEST(TextCleanerTest, ReadsControlCodesAsWindows1252) {
  EXPECT_EQ(CleanText("a\u0093b\u0094"), "a\"b\"");
}

TEST(TextCleanerTest, RemovesControlsAndTerminalEscapes) {
  EXPECT_EQ(CleanText("\x1B[31;1mred\x1B[0m"), "red");
  EXPECT_EQ(CleanText(std::string("a\0b\x7F", 4)), "ab");
  EXPECT_EQ(CleanText("\uFEFFbom"), "bom");
}

TEST(TextCleanerTest, ComposesAccents) { EXPECT_EQ(CleanText("e\u0301"), "é"); }

TEST(TextCleanerTest, LowersByUnicodeRules) {
  EXPECT_EQ(CleanText("ΣΑΣ"), "σας");
  EXPECT_EQ(CleanText("İ"), "i\u0307");
}

TEST(TextCleanerTest, KeepsWronglyDecodedText) {
  EXPECT_EQ(CleanText("sÃ³"), "sã³");
}

TEST(TextCleanerTest, FollowsNestedReferencesToTheirEnd) {
  EXPECT_EQ(CleanText("&amp;amp;amp;amp;amp;amp;lt; x"), "< x");
  EXPECT_EQ(CleanText("&#65286;#65286;lt;x"), "<x");
  EXPECT_EQ(CleanText("&#65307&#65307; y"), "; y");
  EXPECT_EQ(CleanText("&lt&#894; z"), "< z");
}

// `unit` again and again, twice the longest caption.
std::string Repeated(std::string_view unit) {
  std::string text;
  while (text.size() < (128u << 10)) text += unit;
  return text;
}

// Would take minutes if each repair were followed by a look at the whole text.
TEST(TextCleanerTest, NeedsNoLongerForHostileTexts) {
  // 3 makes 5, that 7, 9, 1 and 3 again.
  const std::string digits = Repeated("&#5&#4&#5&#5&#5");
  const std::string closed(digits.size() / 3, ';');
  const absl::Time begin = absl::Now();
  EXPECT_EQ(CleanText(absl::StrCat("&", Repeated("amp;"), "cat")), "&cat");
  EXPECT_EQ(CleanText(absl::StrCat("&", Repeated("#38;"), "cat")), "&cat");
  EXPECT_EQ(CleanText(absl::StrCat(Repeated("&semi"), ";")), ";");
  EXPECT_EQ(CleanText(absl::StrCat("&am", Repeated("&#65307"), ";")), "&am;");
  EXPECT_EQ(CleanText(absl::StrCat(digits, "&#51;", closed)), "3");
  EXPECT_FALSE(CleanText(Repeated("\u0301\u0323")).empty());
  EXPECT_FALSE(CleanText(Repeated("\u0301\u0F73")).empty());
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
}

TEST(TextCleanerTest, OrdersMarksAsNormalizationDoes) {
  EXPECT_EQ(CleanText("a\u0301\u0323"), "ạ\u0301");
  EXPECT_EQ(CleanText("x\u0344\u0323"), "ẍ\u0323\u0301");
  EXPECT_EQ(CleanText("x\u0301\u0F73"), "x\u0F71\u0F72\u0301");
}

}  // namespace
}  // namespace keel
