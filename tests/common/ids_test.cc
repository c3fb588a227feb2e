#include "common/ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace keel {
namespace {

using testing::HasSubstr;

TEST(RandomIdTest, GivesDistinctHexadecimalIds) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(RandomId());
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_THAT(*ids.begin(), testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(ids.begin()->size(), 32u);
}

TEST(ValidateNameTest, AcceptsLegalNames) {
  for (const std::string& name :
       {std::string("a"), std::string("0-x"), std::string(63, 'a')}) {
    EXPECT_TRUE(ValidateName("stream", name).ok()) << name;
  }
}

TEST(ValidateNameTest, NamesWhatIsWrong) {
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("A"), std::string("a/b"),
        std::string("a\n"), std::string(64, 'a')}) {
    const absl::Status status = ValidateName("stream name", name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("stream name"));
  }
}

TEST(SlugTest, MakesLegalNamesOfFileNames) {
  EXPECT_EQ(SlugFromDisplayName("Animals & Plants.tar"), "animals---plants");
  EXPECT_EQ(SlugFromDisplayName("probe-0.TAR"), "probe-0");
  for (const std::string& name :
       {std::string(), std::string(".tar"), std::string("_x"),
        std::string(200, 'B'), std::string("\xc3\xa9")}) {
    EXPECT_TRUE(ValidateName("slug", SlugFromDisplayName(name)).ok()) << name;
  }
}

}  // namespace
}  // namespace keel
