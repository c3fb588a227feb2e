#include "common/shard/shard_indexer.h"

#include <string>
#include <string_view>
#include <vector>

#include "common/reason.h"
#include "common/sha256.h"
#include "common/shard/caption.h"
#include "common/utf8.h"
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

const char kCaption[] = "a boat\n";

std::string Png() { return testing::PngFile(8, 8); }

absl::StatusOr<ShardIndex> IndexOf(const std::string& tar,
                                   const ShardLimits& limits = {},
                                   size_t step = 1 << 20) {
  ShardIndexer indexer(limits);
  for (size_t at = 0; at < tar.size(); at += step) {
    const absl::Status status =
        indexer.Consume(std::string_view(tar).substr(at, step));
    if (!status.ok()) return status;
  }
  return indexer.Finish();
}

std::vector<std::string> Keys(const ShardIndex& index) {
  std::vector<std::string> keys;
  for (const ShardSample& sample : index.samples) keys.push_back(sample.key);
  return keys;
}

// Samples of every kind, good and bad.
std::string MixedTar() {
  return TarWriter()
      .Add("000.jpg", testing::JpegFile(640, 480))
      .Add("000.txt", "a red boat\n")
      .Add("001.txt", "late image")
      .Add("001.webp", testing::LossyWebpFile(32, 16))
      .Add("002.png", "broken")
      .Add("002.txt", kCaption)
      .Add("a/003.png", Png())
      .Add("a/003.json", R"({"captions": ["one", "two"], "caption": "main"})")
      .Add("004.txt", "alone")
      .Finish();
}

TEST(ShardIndexerTest, GivesSameIndexForPiecesOfAnySize) {
  const std::string tar = MixedTar();
  const auto whole = IndexOf(tar);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_THAT(Keys(*whole), ElementsAre("000", "001", "a/003"));
  EXPECT_THAT(whole->rejected_by_reason,
              ElementsAre(Pair("IMAGE_FORMAT", 1), Pair("IMAGE_MISSING", 1)));
  for (size_t step : {1, 7, 511, 513}) {
    const auto pieces = IndexOf(tar, {}, step);
    ASSERT_TRUE(pieces.ok()) << pieces.status();
    EXPECT_EQ(pieces->samples, whole->samples) << step;
    EXPECT_EQ(pieces->rejected, whole->rejected) << step;
  }
}

// The index is all that a worker has to read by.
TEST(ShardIndexerTest, ReadsImagesAndCaptionsBackByRange) {
  const std::string tar = MixedTar();
  const auto index = IndexOf(tar);
  ASSERT_TRUE(index.ok());
  std::vector<std::string> captions;
  for (const ShardSample& sample : index->samples) {
    EXPECT_EQ(
        Sha256Bytes(tar.substr(sample.image_offset, sample.image_size_bytes))
            .substr(0, kItemDigestBytes),
        sample.image_digest);
    for (const ShardCaption& caption : sample.captions) {
      const auto text =
          CaptionFromEntry(tar.substr(caption.offset, caption.size_bytes),
                           caption.json_position);
      ASSERT_TRUE(text.ok()) << text.status();
      EXPECT_EQ(Sha256Bytes(*text).substr(0, kItemDigestBytes), caption.digest);
      captions.push_back(*text);
    }
  }
  EXPECT_THAT(captions,
              ElementsAre("a red boat", "late image", "one", "two", "main"));
}

// What macOS' tar and metadata put between an image and its caption.
TEST(ShardIndexerTest, IgnoresOtherEntriesWithinARun) {
  const auto index = IndexOf(TarWriter()
                                 .Add("./", "", '5')
                                 .Add("./._x.png", "resource fork")
                                 .Add("./x.png", Png())
                                 .Add("y.cls", "7")
                                 .Add("./._x.txt", "resource fork")
                                 .Add("x.txt", kCaption)
                                 .Add("x.seg.npy", "field")
                                 .Add("__meta__.json", "{")
                                 .Add("README", "text")
                                 .Finish());
  ASSERT_TRUE(index.ok());
  EXPECT_THAT(Keys(*index), ElementsAre("x"));
  EXPECT_EQ(index->rejected_count, 0);
}

TEST(ShardIndexerTest, GivesEmptyIndexOfEmptyTar) {
  const auto index = IndexOf(TarWriter().Finish());
  ASSERT_TRUE(index.ok());
  EXPECT_TRUE(index->samples.empty());
  EXPECT_EQ(index->rejected_count, 0);
}

// A shard whose one bad sample stands between two good ones.
struct BadSample {
  std::string reason;
  // What its message names.
  std::string named;
  TarWriter entries;
};

std::vector<BadSample> BadImages() {
  const std::string caption = kCaption;
  const std::string huge = testing::PngFile(24960, 24960);
  return {
      {"IMAGE_MISSING", "\"bad\"", TarWriter().Add("bad.txt", caption)},
      {"IMAGE_EMPTY", "bad.png",
       TarWriter().Add("bad.png", "").Add("bad.txt", caption)},
      {"IMAGE_FORMAT", "bad.jpg",
       TarWriter().Add("bad.jpg", "GIF89a").Add("bad.txt", caption)},
      {"IMAGE_TOO_LARGE", "623001600",
       TarWriter().Add("bad.png", huge).Add("bad.txt", caption)},
      {"IMAGE_TOO_MANY_BYTES", "5001",
       TarWriter()
           .Add("bad.png", Png() + std::string(4968, 'x'))
           .Add("bad.txt", caption)},
      {"IMAGE_DUPLICATE", "bad.webp",
       TarWriter()
           .Add("bad.png", Png())
           .Add("bad.webp", testing::LossyWebpFile(1, 1))
           .Add("bad.txt", caption)},
  };
}

std::vector<BadSample> BadCaptions() {
  const auto with = [](const std::string& name, const std::string& data) {
    return TarWriter().Add("bad.png", Png()).Add(name, data);
  };
  return {
      {"CAPTION_MISSING", "\"bad\"", TarWriter().Add("bad.png", Png())},
      {"CAPTION_MISSING", "\"bad\"", with("bad.json", "{\"width\": 1}")},
      {"CAPTION_EMPTY", "\"bad\"", with("bad.txt", " \t\r\n")},
      {"CAPTION_NOT_UTF8", "bad.txt", with("bad.txt", "caf\xe9")},
      {"CAPTION_TOO_LONG", "103", with("bad.txt", std::string(103, 'c'))},
      {"CAPTION_TOO_LONG", "101", with("bad.txt", std::string(101, 'c'))},
      {"CAPTION_JSON", "bad.json", with("bad.json", "{\"caption\": 1}")},
      {"TOO_MANY_CAPTIONS", "2",
       with("bad.json", R"({"captions": ["1", "2", "3"]})")},
  };
}

std::vector<BadSample> BadPaths() {
  const std::string caption = kCaption;
  const std::string deep(600, 'd');
  return {
      {"KEY_DUPLICATE", "\"before\"",
       TarWriter().Add("before.png", Png()).Add("before.txt", caption)},
      {"KEY_NOT_UTF8", "b?d",
       TarWriter()
           .Add("b\xff"
                "d.png",
                Png())
           .Add("b\xff"
                "d.txt",
                caption)},
      {"KEY_TOO_LONG", "600",
       TarWriter()
           .AddPax(TarWriter::PaxRecord("path", deep + ".png"))
           .Add("bad", Png())},
      {"PATH_ESCAPE", "/etc/bad.png",
       TarWriter().Add("/etc/bad.png", Png()).Add("/etc/bad.txt", caption)},
      {"PATH_ESCAPE", "a/../bad.png",
       TarWriter().Add("a/../bad.png", Png()).Add("a/../bad.txt", caption)},
      {"ENTRY_TYPE", "bad.png",
       TarWriter().Add("bad.png", "", '2').Add("bad.txt", caption)},
      {"ENTRY_TYPE", "bad.png",
       TarWriter().Add("bad.png", "", '3').Add("bad.txt", caption)},
  };
}

void ExpectLeftOutAlone(const std::vector<BadSample>& samples) {
  const ShardLimits limits{.max_image_bytes = 5000,
                           .max_caption_bytes = 100,
                           .max_captions_per_sample = 2};
  for (const BadSample& bad : samples) {
    const auto index = IndexOf(TarWriter()
                                   .Add("before.png", Png())
                                   .Add("before.txt", kCaption)
                                   .Add("between.png", Png())
                                   .Add("between.txt", kCaption)
                                   .AddRaw(bad.entries.bytes())
                                   .Add("behind.png", Png())
                                   .Add("behind.txt", kCaption)
                                   .Finish(),
                               limits);
    ASSERT_TRUE(index.ok()) << bad.reason << index.status();
    EXPECT_THAT(Keys(*index), ElementsAre("before", "between", "behind"));
    EXPECT_THAT(index->rejected_by_reason, ElementsAre(Pair(bad.reason, 1)));
    ASSERT_EQ(index->rejected.size(), 1u) << bad.reason;
    EXPECT_THAT(index->rejected[0].message, HasSubstr(bad.named));
    EXPECT_TRUE(IsValidUtf8(index->rejected[0].key));
    EXPECT_TRUE(IsValidUtf8(index->rejected[0].message));
  }
}

TEST(ShardIndexerTest, LeavesBadImagesOutByReason) {
  ExpectLeftOutAlone(BadImages());
}
TEST(ShardIndexerTest, LeavesBadCaptionsOutByReason) {
  ExpectLeftOutAlone(BadCaptions());
}
TEST(ShardIndexerTest, LeavesBadPathsOutByReason) {
  ExpectLeftOutAlone(BadPaths());
}

TEST(ShardIndexerTest, KeepsTheFirstHundredRejectionsAndCountsAll) {
  TarWriter tar;
  for (int i = 0; i < 150; ++i) tar.Add(std::to_string(i) + ".txt", "x");
  const auto index = IndexOf(tar.Finish());
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(index->rejected_count, 150);
  EXPECT_THAT(index->rejected_by_reason,
              ElementsAre(Pair("IMAGE_MISSING", 150)));
  ASSERT_EQ(index->rejected.size(), 100u);
  EXPECT_EQ(index->rejected[99].key, "99");
}

TEST(ShardIndexerTest, RefusesTooManySamplesBadOnesIncluded) {
  const ShardLimits limits{.max_samples = 3};
  TarWriter tar;
  tar.Add("a.png", Png()).Add("a.txt", kCaption);
  tar.Add("b.txt", "no image").Add("c.txt", "no image");
  EXPECT_TRUE(IndexOf(tar.Finish(), limits).ok());
  const auto index = IndexOf(tar.Add("d.txt", "no image").Finish(), limits);
  EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(index.status()).reason, kTooManySamples);
}

TEST(ShardIndexerTest, RefusesATarThatIsCutShort) {
  std::string tar = MixedTar();
  const auto index = IndexOf(tar.substr(0, tar.size() - 1024));
  EXPECT_EQ(ReasonOf(index.status()).reason, kTarTruncated);
}

}  // namespace
}  // namespace keel
