#include "worker/train/class_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ClassListTest, NumbersNamesInTheirOrder) {
  const auto classes = ClassList::Parse("zebra\n\n  grey cat \r\n", "c.txt");
  ASSERT_TRUE(classes.ok()) << classes.status();
  EXPECT_THAT(classes->names(), ElementsAre("zebra", "grey cat"));
  const auto numbers = classes->NumbersOf({" grey cat", "zebra"}, {"k0", "k1"});
  ASSERT_TRUE(numbers.ok()) << numbers.status();
  EXPECT_THAT(*numbers, ElementsAre(1, 0));
}

TEST(ClassListTest, TakesTheLabelsThatOccur) {
  const ClassList classes = ClassList::OfLabels({"b", "a ", "b"});
  EXPECT_THAT(classes.names(), ElementsAre("a", "b"));
}

TEST(ClassListTest, NamesWhatIsWrong) {
  EXPECT_THAT(ClassList::Parse(" \n", "c.txt").status().message(),
              HasSubstr("c.txt: no class in it"));
  EXPECT_THAT(ClassList::Parse("a\nb\na", "c.txt").status().message(),
              HasSubstr("c.txt:3: class \"a\" comes twice"));
  EXPECT_THAT(ClassList::Parse("a\nb\xfc", "c.txt").status().message(),
              HasSubstr("c.txt:2: not UTF-8: \"b?\""));
  const auto classes = ClassList::Parse("a", "c.txt");
  const auto unknown = classes->NumbersOf({"a", "dog"}, {"k0", "k1"});
  EXPECT_TRUE(absl::IsInvalidArgument(unknown.status()));
  EXPECT_THAT(unknown.status().message(),
              HasSubstr("sample k1: \"dog\" is none of the 1 classes"));
}

TEST(ParseTemplatesTest, NeedsAPlaceForTheName) {
  const auto templates = ParseTemplates("a {}.\nthe {}, a {}\n", "t.txt");
  ASSERT_TRUE(templates.ok()) << templates.status();
  EXPECT_THAT(*templates, ElementsAre("a {}.", "the {}, a {}"));
  EXPECT_EQ(Prompt(templates->at(1), "cat"), "the cat, a cat");
  EXPECT_THAT(ParseTemplates("a {}.\na photo", "t.txt").status().message(),
              HasSubstr("t.txt:2: template \"a photo\" has no {}"));
  EXPECT_THAT(ParseTemplates("{} f\xfcr\n", "t.txt").status().message(),
              HasSubstr("t.txt:1: not UTF-8"));
  EXPECT_THAT(ParseTemplates("\n", "t.txt").status().message(),
              HasSubstr("t.txt: no template in it"));
}

}  // namespace
}  // namespace keel
