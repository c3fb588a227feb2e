#include "coordinator/client/packer.h"

#include "common/sha256.h"
#include "common/shard/caption.h"
#include "common/shard/shard_indexer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A PNG of 3 x 2 pixels, as far as its header goes; `salt` makes it unique.
std::string Png(char salt) {
  const std::string header("IHDR\0\0\0\3\0\0\0\2\x8\2\0\0\0", 17);
  std::string png("\x89PNG\r\n\x1a\n\0\0\0\r", 12);
  png += header;
  const uint32_t crc = Crc32(header);
  for (int shift : {24, 16, 8, 0}) png += static_cast<char>(crc >> shift);
  return png + salt;
}

class PackerTest : public ::testing::Test {
 protected:
  PackerTest() {
    folder_.Write("images/birds/owl.png", Png('a'));
    folder_.Write("images/b.two.dots.PNG", Png('b'));
    folder_.Write("images/c.png", Png('c'));
    options_.images = folder_.Path("images");
    options_.captions = folder_.Write("list.tsv",
                                      "birds/owl.png\tan owl\n"
                                      "b.two.dots.PNG\tone\ttwo\n"
                                      "c.png\tthe third\n");
    options_.out = folder_.Path("out");
  }

  ShardIndex Index(const std::string& shard) const {
    ShardIndexer indexer{ShardLimits()};
    EXPECT_TRUE(indexer.Consume(folder_.Read(shard)).ok());
    auto index = indexer.Finish();
    EXPECT_TRUE(index.ok()) << index.status();
    return *index;
  }
  std::string Caption(const std::string& shard,
                      const ShardCaption& caption) const {
    const std::string tar = folder_.Read(shard);
    return *CaptionFromEntry(
        std::string_view(tar).substr(caption.offset, caption.size_bytes),
        caption.json_position);
  }

  TestFolder folder_;
  PackOptions options_;
};

TEST_F(PackerTest, MakesShardsThatTheIndexerReadsBack) {
  const auto result = Pack(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sample_count, 3);
  EXPECT_THAT(result->shards,
              ElementsAre(folder_.Path("out/shard-000000.tar")));
  const std::string tar = folder_.Read("out/shard-000000.tar");
  EXPECT_EQ(result->byte_count, static_cast<int64_t>(tar.size()));
  const ShardIndex index = Index("out/shard-000000.tar");
  EXPECT_EQ(index.rejected_count, 0);
  ASSERT_EQ(index.samples.size(), 3u);
  EXPECT_EQ(index.samples[0].key, "00000000-birds-owl");
  EXPECT_EQ(index.samples[1].key, "00000001-b-two-dots");
  EXPECT_EQ(tar.substr(index.samples[1].image_offset,
                       index.samples[1].image_size_bytes),
            Png('b'));
  ASSERT_EQ(index.samples[1].captions.size(), 2u);
  EXPECT_EQ(Caption("out/shard-000000.tar", index.samples[0].captions[0]),
            "an owl");
  EXPECT_EQ(Caption("out/shard-000000.tar", index.samples[1].captions[1]),
            "two");
}

TEST_F(PackerTest, StartsANewShardWhenOneIsFull) {
  options_.samples_per_shard = 2;
  const auto result = Pack(options_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->shards,
              ElementsAre(folder_.Path("out/shard-000000.tar"),
                          folder_.Path("out/shard-000001.tar")));
  EXPECT_EQ(Index("out/shard-000000.tar").samples.size(), 2u);
  // Keys go on, so that they are unique over all shards.
  EXPECT_EQ(Index("out/shard-000001.tar").samples[0].key, "00000002-c");
}

TEST_F(PackerTest, MakesTheSameBytesOfTheSameInput) {
  ASSERT_TRUE(Pack(options_).ok());
  options_.out = folder_.Path("again");
  ASSERT_TRUE(Pack(options_).ok());
  EXPECT_EQ(folder_.Read("out/shard-000000.tar"),
            folder_.Read("again/shard-000000.tar"));
}

TEST_F(PackerTest, NamesTheLineOfAMissingFileAndWritesNothing) {
  options_.captions =
      folder_.Write("list.tsv", "c.png\tthere\nmissing.png\tgone\n");
  const auto result = Pack(options_);
  EXPECT_TRUE(absl::IsNotFound(result.status()));
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("list.tsv:2: "));
  EXPECT_FALSE(FileExists(options_.out));
}

TEST_F(PackerTest, LeavesAFolderWithShardsAlone) {
  folder_.Write("out/shard-000007.tar", "old");
  EXPECT_TRUE(absl::IsFailedPrecondition(Pack(options_).status()));
}

TEST_F(PackerTest, RefusesAnEmptyTableAndShardsWithoutSamples) {
  options_.samples_per_shard = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(Pack(options_).status()));
  options_.samples_per_shard = 1;
  options_.captions = folder_.Write("list.tsv", "\n");
  EXPECT_TRUE(absl::IsInvalidArgument(Pack(options_).status()));
}

TEST_F(PackerTest, TellsItsProgress) {
  std::vector<int64_t> done;
  options_.progress = [&](int64_t now, int64_t total) {
    done.push_back(now);
    EXPECT_EQ(total, 3);
  };
  ASSERT_TRUE(Pack(options_).ok());
  EXPECT_THAT(done, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace keel
