#include "coordinator/client/tar_writer.h"

#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

TEST(TarWriterTest, WritesBlocksThatEndWithTwoEmptyOnes) {
  TestFolder folder;
  auto tar = TarWriter::Create(folder.Path("x.tar"));
  ASSERT_TRUE(tar.ok());
  ASSERT_TRUE((*tar)->Add("a.txt", "hello").ok());
  ASSERT_TRUE((*tar)->Add("b.txt", std::string(512, 'x')).ok());
  ASSERT_TRUE((*tar)->Close().ok());
  const std::string bytes = folder.Read("x.tar");
  EXPECT_EQ(bytes.size(), 512u * (2 + 2 + 2));
  EXPECT_EQ(bytes.substr(0, 5), "a.txt");
  EXPECT_EQ(bytes.substr(257, 5), "ustar");
  EXPECT_EQ(bytes.substr(512, 5), "hello");
  EXPECT_EQ(bytes.substr(bytes.size() - 1024), std::string(1024, '\0'));
}

TEST(TarWriterTest, IsAbsentUntilClosed) {
  TestFolder folder;
  {
    auto tar = TarWriter::Create(folder.Path("x.tar"));
    ASSERT_TRUE((*tar)->Add("a.txt", "hello").ok());
  }
  EXPECT_FALSE(FileExists(folder.Path("x.tar")));
}

TEST(TarWriterTest, StartsAnewAfterABrokenRun) {
  TestFolder folder;
  folder.Write("x.tar.partial", "left over");
  auto tar = TarWriter::Create(folder.Path("x.tar"));
  ASSERT_TRUE((*tar)->Close().ok());
  EXPECT_EQ(folder.Read("x.tar"), std::string(1024, '\0'));
}

TEST(TarWriterTest, RefusesNamesThatDoNotFit) {
  TestFolder folder;
  auto tar = TarWriter::Create(folder.Path("x.tar"));
  EXPECT_TRUE(absl::IsInvalidArgument((*tar)->Add("", "x")));
  EXPECT_TRUE(absl::IsInvalidArgument((*tar)->Add(std::string(101, 'a'), "x")));
  EXPECT_TRUE((*tar)->Add(std::string(100, 'a'), "x").ok());
}

}  // namespace
}  // namespace keel
