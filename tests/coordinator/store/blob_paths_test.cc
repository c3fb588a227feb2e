#include "coordinator/store/blob_paths.h"

#include <string>

#include "gtest/gtest.h"

namespace keel {
namespace {

// Stored names: a change here is a change of the format.
TEST(BlobPathsTest, NamesFilesAsDocumented) {
  const std::string digest = "ab" + std::string(62, '0');
  EXPECT_EQ(BlobFolder("/r", digest), "/r/blobs/ab");
  EXPECT_EQ(BlobPath("/r", digest), "/r/blobs/ab/" + digest);
  EXPECT_EQ(PartialPath("/r", digest), "/r/partial/" + digest);
  EXPECT_EQ(TemporaryPath("/r", digest, "x"),
            "/r/partial/" + digest + ".x.tmp");
}

TEST(BlobPathsTest, TellsFoldersOfBlobs) {
  EXPECT_TRUE(IsBlobFolderName("0f"));
  for (const char* name : {"", "0", "0fa", "0g", "0F", "lost+found"}) {
    EXPECT_FALSE(IsBlobFolderName(name)) << name;
  }
}

TEST(BlobPathsTest, TellsTemporaryFilesFromUploads) {
  EXPECT_TRUE(IsTemporaryName("abc.x.tmp"));
  EXPECT_FALSE(IsTemporaryName(std::string(64, 'a')));
}

}  // namespace
}  // namespace keel
