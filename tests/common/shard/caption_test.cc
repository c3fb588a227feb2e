#include "common/shard/caption.h"

#include <string>

#include "common/shard/shard_types.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

TEST(CaptionTest, StripsLineEndsOfTextOnly) {
  EXPECT_EQ(CaptionOfText("a red boat\r\n\n"), "a red boat");
  EXPECT_EQ(CaptionOfText("  a\nb  "), "  a\nb  ");
  EXPECT_EQ(CaptionOfText("\r\n"), "");
}

TEST(CaptionTest, TakesListAndStringOfJson) {
  const auto captions = CaptionsOfJson(
      R"({"captions": ["one", "zw\u00f6lf"], "width": 3, "caption": "main"})");
  ASSERT_TRUE(captions.ok()) << captions.status();
  ASSERT_EQ(captions->size(), 3u);
  EXPECT_EQ((*captions)[0].text, "one");
  EXPECT_EQ((*captions)[0].position, 0);
  EXPECT_EQ((*captions)[1].text, "zw\xc3\xb6lf");
  EXPECT_EQ((*captions)[1].position, 1);
  EXPECT_EQ((*captions)[2].text, "main");
  EXPECT_EQ((*captions)[2].position, kCaptionString);
}

TEST(CaptionTest, FindsNoneInMetadata) {
  EXPECT_TRUE(CaptionsOfJson(R"({"width": 3})")->empty());
  EXPECT_TRUE(
      CaptionsOfJson(R"({"caption": null, "captions": null})")->empty());
  EXPECT_TRUE(
      CaptionsOfJson(R"({"deep": {"caption": "not this one"}})")->empty());
}

TEST(CaptionTest, RefusesOtherTypesByPlace) {
  EXPECT_THAT(CaptionsOfJson(R"({"caption": 7})").status().message(),
              HasSubstr("\"caption\" is not a string"));
  EXPECT_THAT(CaptionsOfJson(R"({"captions": "x"})").status().message(),
              HasSubstr("not a list"));
  EXPECT_THAT(CaptionsOfJson(R"({"captions": ["x", 2]})").status().message(),
              HasSubstr("element 1"));
  EXPECT_THAT(
      CaptionsOfJson(R"({"captions": [["x"], "y"]})").status().message(),
      HasSubstr("element 0"));
  EXPECT_THAT(CaptionsOfJson(R"({"captions": [{"a": {}}]})").status().message(),
              HasSubstr("element 0"));
}

TEST(CaptionTest, RefusesWhatIsNoJsonObject) {
  for (const std::string text :
       {"", "[]", "\"x\"", "{", "{\"caption\": \"x\"", "{\"caption\": NaN}",
        "{\"caption\": \"\xff\"}", "{\"caption\": \"\\ud800\"}", "{} {}"}) {
    EXPECT_EQ(CaptionsOfJson(text).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

// Neither recursion nor a tree of a million values.
TEST(CaptionTest, SurvivesDeepAndWideJson) {
  const int depth = 400'000;
  const std::string deep = "{\"x\": " + std::string(depth, '[') +
                           std::string(depth, ']') + ", \"caption\": \"ok\"}";
  ASSERT_TRUE(CaptionsOfJson(deep).ok());
  EXPECT_EQ((*CaptionsOfJson(deep))[0].text, "ok");
  EXPECT_FALSE(CaptionsOfJson(std::string(depth, '[')).ok());
  EXPECT_FALSE(CaptionsOfJson("{\"captions\":" + std::string(depth, '[')).ok());
}

TEST(CaptionTest, ReadsBackByPosition) {
  EXPECT_EQ(*CaptionFromEntry("a cat\n", kCaptionWholeEntry), "a cat");
  const std::string json = R"({"captions": ["x", "y"], "caption": "z"})";
  EXPECT_EQ(*CaptionFromEntry(json, 1), "y");
  EXPECT_EQ(*CaptionFromEntry(json, kCaptionString), "z");
  EXPECT_EQ(CaptionFromEntry(json, 2).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CaptionFromEntry("\xc0\x80", kCaptionWholeEntry).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keel
