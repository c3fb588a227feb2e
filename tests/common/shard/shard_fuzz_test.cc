// Random damage, the same in every run. What counts is that nothing crashes,
// hangs or reads out of bounds (the sanitizer builds look), and that whatever
// is accepted is true.
#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "common/sha256.h"
#include "common/shard/caption.h"
#include "common/shard/image_header.h"
#include "common/shard/shard_indexer.h"
#include "gtest/gtest.h"
#include "tests/testing/image_files.h"
#include "tests/testing/tar_writer.h"

namespace keel {
namespace {

using testing::TarWriter;

std::string SeedTar() {
  return TarWriter()
      .AddGnuLong(std::string(150, 'n') + ".png", testing::PngFile(9, 9))
      .AddPax(TarWriter::PaxRecord("path", std::string(150, 'n') + ".txt"))
      .Add("short.txt", "caption")
      .Add("b.jpg", testing::JpegFile(640, 480))
      .Add("b.json", R"({"captions": ["one", "two"], "caption": "three"})")
      .AddBase256("c.webp", testing::LosslessWebpFile(33, 44))
      .Add("c.txt", "caption")
      .Finish();
}

std::string RandomBytes(std::mt19937_64& random, size_t size) {
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return random(); });
  return bytes;
}

// Overwrites, flips or moves a few bytes anywhere.
void Damage(std::mt19937_64& random, std::string* bytes) {
  for (uint64_t times = 1 + random() % 4; times > 0; --times) {
    const size_t at = random() % bytes->size();
    switch (random() % 3) {
      case 0:
        (*bytes)[at] = static_cast<char>(random());
        break;
      case 1:
        (*bytes)[at] ^= static_cast<char>(1 << random() % 8);
        break;
      default:
        bytes->replace(at, 1, RandomBytes(random, random() % 3));
        if (bytes->empty()) *bytes = "x";
    }
  }
}

void CheckAccepted(const std::string& tar, const ShardSample& sample) {
  const int64_t size = static_cast<int64_t>(tar.size());
  ASSERT_LE(sample.image_offset + sample.image_size_bytes, size);
  const std::string image =
      tar.substr(sample.image_offset, sample.image_size_bytes);
  EXPECT_EQ(Sha256Bytes(image).substr(0, kItemDigestBytes),
            sample.image_digest);
  EXPECT_TRUE(ParseImageHeader(image).ok());
  ASSERT_FALSE(sample.captions.empty());
  for (const ShardCaption& caption : sample.captions) {
    ASSERT_LE(caption.offset + caption.size_bytes, size);
    const auto text = CaptionFromEntry(
        tar.substr(caption.offset, caption.size_bytes), caption.json_position);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(Sha256Bytes(*text).substr(0, kItemDigestBytes), caption.digest);
  }
}

absl::StatusOr<ShardIndex> IndexInPieces(std::mt19937_64& random,
                                         const std::string& tar) {
  ShardIndexer indexer(ShardLimits{});
  std::string_view left = tar;
  while (!left.empty()) {
    const size_t step = std::min<size_t>(left.size(), 1 + random() % 1500);
    indexer.Consume(left.substr(0, step)).IgnoreError();
    left.remove_prefix(step);
  }
  return indexer.Finish();
}

TEST(ShardFuzzTest, SurvivesDamagedTars) {
  std::mt19937_64 random(20261123);
  const std::string seed = SeedTar();
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string tar = seed;
    Damage(random, &tar);
    if (round % 2 == 0) TarWriter::SealHeaders(&tar);
    const auto index = IndexInPieces(random, tar);
    refused += !index.ok();
    if (!index.ok()) continue;
    for (const ShardSample& sample : index->samples) {
      CheckAccepted(tar, sample);
      ++accepted;
    }
  }
  // The damage neither kills everything nor nothing.
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 500);
}

TEST(ShardFuzzTest, SurvivesTruncationAnywhere) {
  std::mt19937_64 random(1);
  const std::string tar = SeedTar();
  for (size_t length = 0; length + 1024 < tar.size(); length += 10) {
    EXPECT_FALSE(IndexInPieces(random, tar.substr(0, length)).ok()) << length;
  }
}

TEST(ShardFuzzTest, RefusesRandomBytes) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    const std::string bytes = RandomBytes(random, 1 + random() % 4000);
    EXPECT_FALSE(IndexInPieces(random, bytes).ok());
  }
}

TEST(ShardFuzzTest, ImageHeadersAreParsedOrRefused) {
  std::mt19937_64 random(3);
  const std::string seeds[] = {
      testing::PngFile(9, 9), testing::JpegFile(640, 480),
      testing::LossyWebpFile(33, 44), testing::LosslessWebpFile(33, 44),
      testing::ExtendedWebpFile(33, 44)};
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string file = seeds[round % 5];
    Damage(random, &file);
    const auto header = ParseImageHeader(file);
    ++(header.ok() ? accepted : refused);
    if (!header.ok()) continue;
    EXPECT_GT(header->width, 0);
    EXPECT_GT(header->height, 0);
  }
  EXPECT_GT(accepted, 5000);
  EXPECT_GT(refused, 5000);
}

TEST(ShardFuzzTest, JsonIsParsedOrRefused) {
  std::mt19937_64 random(4);
  const std::string seed =
      R"({"captions": ["\u00e9\n", "two"], "caption": "x", "n": [1.5e3, {}]})";
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string json = seed;
    Damage(random, &json);
    const auto captions = CaptionsOfJson(json);
    ++(captions.ok() ? accepted : refused);
    if (!captions.ok()) continue;
    for (const JsonCaption& caption : *captions) {
      EXPECT_EQ(*CaptionFromEntry(json, caption.position), caption.text);
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace keel
