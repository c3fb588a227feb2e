#include "worker/data/text_cleaner.h"

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace keel
