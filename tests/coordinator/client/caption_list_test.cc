#include "coordinator/client/caption_list.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CaptionListTest, ReadsPathsAndCaptions) {
  const auto images = ParseCaptionList(
      "a.png\tan owl\r\n\nb/c.JPG\ta cat\ta second caption\t\t\nd.webp\t x ",
      "list.tsv");
  ASSERT_TRUE(images.ok()) << images.status();
  ASSERT_EQ(images->size(), 3u);
  EXPECT_EQ((*images)[0].path, "a.png");
  EXPECT_THAT((*images)[0].captions, ElementsAre("an owl"));
  EXPECT_EQ((*images)[1].line, 3);
  EXPECT_THAT((*images)[1].captions, ElementsAre("a cat", "a second caption"));
  EXPECT_THAT((*images)[2].captions, ElementsAre("x"));
}

TEST(CaptionListTest, NamesTheLineOfAnError) {
  const struct {
    const char* line;
    const char* message;
  } cases[] = {
      {"a.png", "has no caption"},
      {"a.png\t  ", "has no caption"},
      {"a.png\t\tonly a second one", "has no caption"},
      {"\tcaption", "no image path"},
      {"/etc/a.png\tcaption", "is absolute"},
      {"a.gif\tcaption", "neither .jpg"},
      {"noextension\tcaption", "neither .jpg"},
      {"a.png\t\xff", "not UTF-8"},
  };
  for (const auto& c : cases) {
    const auto images =
        ParseCaptionList(std::string("ok.png\tok\n") + c.line, "list.tsv");
    ASSERT_TRUE(absl::IsInvalidArgument(images.status())) << c.line;
    EXPECT_THAT(std::string(images.status().message()),
                HasSubstr("list.tsv:2: "));
    EXPECT_THAT(std::string(images.status().message()), HasSubstr(c.message));
  }
}

TEST(CaptionListTest, IsEmptyForAnEmptyTable) {
  EXPECT_TRUE(ParseCaptionList("", "list.tsv")->empty());
  EXPECT_TRUE(ParseCaptionList("\n \n", "list.tsv")->empty());
}

}  // namespace
}  // namespace keel
