#include "coordinator/ingest/chunk_indexer.h"

#include <string>
#include <string_view>

#include "common/config/stream_config.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/image_files.h"
#include "tests/testing/tar_writer.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::TarWriter;

absl::StatusOr<IndexedChunk> IndexOf(const std::string& tar,
                                     const v1::LimitsConfig& limits = {},
                                     size_t step = 1 << 20,
                                     int64_t max_index_bytes = kMaxIndexBytes) {
  ChunkIndexer indexer(limits, max_index_bytes);
  for (size_t at = 0; at < tar.size(); at += step) {
    const absl::Status status =
        indexer.Consume(std::string_view(tar).substr(at, step));
    if (!status.ok()) return status;
  }
  return indexer.Finish(Sha256Hex(tar));
}

void ExpectRefused(const absl::Status& status, const std::string& reason) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status).reason, reason);
}

// One sample of each format, and two bad ones.
std::string MixedTar() {
  return TarWriter()
      .Add("a/0.jpg", testing::JpegFile(640, 480))
      .Add("a/0.txt", "a boat\n")
      .Add("1.png", testing::PngFile(8, 9))
      .Add("1.json", R"({"captions": ["one", "two"], "caption": "three"})")
      .Add("2.webp", testing::LosslessWebpFile(33, 44))
      .Add("2.txt", "a house")
      .Add("3.png", testing::PngFile(24960, 24960))
      .Add("3.txt", "huge")
      .Add("4.txt", "alone")
      .Finish();
}

// Whoever reads a shard without a stream takes what a stream takes.
TEST(ChunkIndexerTest, TheDefaultsOfShardsAreThoseOfStreams) {
  const v1::LimitsConfig limits = WithDefaults({}).limits();
  const ShardLimits shard;
  EXPECT_EQ(shard.max_image_pixels, limits.max_image_pixels());
  EXPECT_EQ(shard.max_image_bytes, limits.max_image_bytes());
  EXPECT_EQ(shard.max_caption_bytes, limits.max_caption_bytes());
  EXPECT_EQ(shard.max_samples, limits.max_samples_per_chunk());
  EXPECT_EQ(shard.max_captions_per_sample, limits.max_captions_per_sample());
}

TEST(ChunkIndexerTest, RefusesAnIndexThatIsTooLarge) {
  const std::string tar = MixedTar();
  const int64_t size = IndexOf(tar)->index.ByteSizeLong();
  // In one piece, and byte by byte.
  for (size_t step : {tar.size(), size_t{1}}) {
    ExpectRefused(IndexOf(tar, {}, step, size / 2).status(), "INDEX_TOO_LARGE");
    EXPECT_TRUE(IndexOf(tar, {}, step, size + 20).ok());
  }
}

TEST(ChunkIndexerTest, FillsTheStoredIndex) {
  const std::string tar = MixedTar();
  const auto chunk = IndexOf(tar);
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_EQ(chunk->index.chunk_digest(), Sha256Hex(tar));
  ASSERT_EQ(chunk->index.samples_size(), 3);

  const storage::v1::SampleIndex& first = chunk->index.samples(0);
  const std::string image = testing::JpegFile(640, 480);
  EXPECT_EQ(first.key(), "a/0");
  EXPECT_EQ(first.image_offset(), 512);
  EXPECT_EQ(first.image_size_bytes(), static_cast<int>(image.size()));
  EXPECT_EQ(first.image_digest(), Sha256Bytes(image).substr(0, 16));
  EXPECT_EQ(first.format(), storage::v1::SampleIndex::JPEG);
  EXPECT_EQ(first.width(), 640);
  EXPECT_EQ(first.height(), 480);
  ASSERT_EQ(first.captions_size(), 1);
  EXPECT_EQ(first.captions(0).digest(), Sha256Bytes("a boat").substr(0, 16));
  EXPECT_EQ(first.captions(0).offset(), 512 * 3);
  EXPECT_EQ(first.captions(0).size_bytes(), 7);
  EXPECT_EQ(first.captions(0).json_position(), -2);

  const storage::v1::SampleIndex& second = chunk->index.samples(1);
  EXPECT_EQ(second.format(), storage::v1::SampleIndex::PNG);
  ASSERT_EQ(second.captions_size(), 3);
  EXPECT_EQ(second.captions(0).json_position(), 0);
  EXPECT_EQ(second.captions(1).json_position(), 1);
  EXPECT_EQ(second.captions(2).json_position(), -1);
  EXPECT_EQ(chunk->index.samples(2).format(), storage::v1::SampleIndex::WEBP);
}

TEST(ChunkIndexerTest, CountsSamplesByReason) {
  const auto chunk = IndexOf(MixedTar());
  ASSERT_TRUE(chunk.ok());
  EXPECT_EQ(chunk->counts.accepted_count(), 3);
  EXPECT_EQ(chunk->counts.rejected_count(), 2);
  EXPECT_EQ(chunk->counts.rejected_by_reason().at("IMAGE_TOO_LARGE"), 1);
  EXPECT_EQ(chunk->counts.rejected_by_reason().at("IMAGE_MISSING"), 1);
  ASSERT_EQ(chunk->rejected.size(), 2u);
  EXPECT_EQ(chunk->rejected[0].key(), "3");
  EXPECT_EQ(chunk->rejected[0].reason(), "IMAGE_TOO_LARGE");
  EXPECT_THAT(chunk->rejected[0].message(), HasSubstr("623001600"));
}

TEST(ChunkIndexerTest, GivesSameIndexForPiecesOfAnySize) {
  const std::string tar = MixedTar();
  const std::string whole = IndexOf(tar)->index.SerializeAsString();
  for (size_t step : {1, 7, 512}) {
    const auto chunk = IndexOf(tar, {}, step);
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    EXPECT_EQ(chunk->index.SerializeAsString(), whole);
  }
}

TEST(ChunkIndexerTest, KeepsTheLimitsOfTheStream) {
  v1::LimitsConfig limits;
  limits.set_max_image_pixels(100);
  limits.set_max_captions_per_sample(2);
  limits.set_max_caption_bytes(4);
  const auto chunk = IndexOf(TarWriter()
                                 .Add("good.png", testing::PngFile(8, 9))
                                 .Add("good.txt", "good")
                                 .Add("0.png", testing::PngFile(11, 10))
                                 .Add("1.json", R"({"captions": [1]})")
                                 .Add("2.txt", "long caption")
                                 .Finish(),
                             limits);
  ASSERT_TRUE(chunk.ok()) << chunk.status();
  EXPECT_THAT(chunk->rejected[0].reason(), "IMAGE_TOO_LARGE");
  EXPECT_THAT(chunk->rejected[1].reason(), "CAPTION_JSON");
  EXPECT_THAT(chunk->rejected[2].reason(), "CAPTION_TOO_LONG");
}

TEST(ChunkIndexerTest, RefusesChunkWithoutUsableSampleByReasons) {
  ExpectRefused(IndexOf(TarWriter().Finish()).status(), "NO_USABLE_SAMPLE");
  const absl::Status status = IndexOf(TarWriter()
                                          .Add("a.txt", "alone")
                                          .Add("b.txt", "alone")
                                          .Add("c.png", testing::PngFile(1, 1))
                                          .Finish())
                                  .status();
  ExpectRefused(status, "NO_USABLE_SAMPLE");
  EXPECT_THAT(
      ReasonOf(status).metadata,
      ElementsAre(Pair("CAPTION_MISSING", "1"), Pair("IMAGE_MISSING", "2")));
  EXPECT_THAT(std::string(status.message()), HasSubstr("IMAGE_MISSING 2"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"a\""));
}

TEST(ChunkIndexerTest, RefusesMoreSamplesThanAllowed) {
  v1::LimitsConfig limits;
  limits.set_max_samples_per_chunk(4);
  for (size_t step : {1 << 20, 1}) {
    ExpectRefused(IndexOf(MixedTar(), limits, step).status(),
                  "TOO_MANY_SAMPLES");
  }
}

TEST(ChunkIndexerTest, RefusesWhatIsNoTar) {
  ExpectRefused(IndexOf(std::string(2000, 'x')).status(), "TAR_MALFORMED");
  ExpectRefused(IndexOf("").status(), "TAR_TRUNCATED");
}

TEST(ChunkIndexerTest, RefusesTarsThatAreCutAnywhere) {
  const std::string tar = MixedTar();
  for (size_t length = 0; length + 1024 < tar.size(); length += 100) {
    ExpectRefused(IndexOf(tar.substr(0, length)).status(), "TAR_TRUNCATED");
  }
}

}  // namespace
}  // namespace keel
