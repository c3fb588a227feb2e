#include "common/shard/sample_builder.h"

#include <string>
#include <variant>

#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/image_files.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

// Builds one sample of key "k" from entries that follow one another.
class SampleBuilderTest : public ::testing::Test {
 protected:
  // True if the entry's data were wanted.
  bool Add(const std::string& extension, const std::string& data) {
    TarEntry entry;
    entry.path = "k." + extension;
    entry.offset = next_offset_;
    entry.size = static_cast<int64_t>(data.size());
    next_offset_ += 1000;
    const EntryPath path = ParseEntryPath(entry.path);
    const bool wanted = builder_.StartEntry(entry, path);
    if (wanted) builder_.AddData(entry, path.role, data);
    return wanted;
  }
  ShardSample Sample() { return std::get<ShardSample>(builder_.Finish()); }
  ShardRejection Rejection() {
    return std::get<ShardRejection>(builder_.Finish());
  }

  ShardLimits limits_{.max_image_pixels = 1000,
                      .max_image_bytes = 100,
                      .max_caption_bytes = 10,
                      .max_captions_per_sample = 2,
                      .max_json_bytes = 60};
  SampleBuilder builder_{limits_, "k"};
  int64_t next_offset_ = 512;
};

TEST_F(SampleBuilderTest, TakesImageAndCaptionsInAnyOrder) {
  const std::string image = testing::PngFile(10, 20);
  Add("json", R"({"captions": ["one", "two"]})");
  Add("png", image);
  const ShardSample sample = Sample();
  EXPECT_EQ(sample.key, "k");
  EXPECT_EQ(sample.image_offset, 1512);
  EXPECT_EQ(sample.image_size_bytes, static_cast<int>(image.size()));
  EXPECT_EQ(sample.image_digest, Sha256Bytes(image).substr(0, 16));
  EXPECT_EQ(sample.format, ImageFormat::kPng);
  EXPECT_EQ(sample.width, 10);
  EXPECT_EQ(sample.height, 20);
  ASSERT_EQ(sample.captions.size(), 2u);
  EXPECT_EQ(sample.captions[1].offset, 512);
  EXPECT_EQ(sample.captions[1].json_position, 1);
  EXPECT_EQ(sample.captions[1].size_bytes, 28);
  EXPECT_EQ(sample.captions[1].digest, Sha256Bytes("two").substr(0, 16));
}

// As img2dataset writes them: the text, and the same once more in metadata.
TEST_F(SampleBuilderTest, CountsEqualCaptionsOnce) {
  Add("png", testing::PngFile(1, 1));
  Add("txt", "a cat\n");
  Add("json", R"({"caption": "a cat", "width": 1})");
  const ShardSample sample = Sample();
  ASSERT_EQ(sample.captions.size(), 1u);
  EXPECT_EQ(sample.captions[0].json_position, kCaptionWholeEntry);
}

TEST_F(SampleBuilderTest, SkipsBlankCaptionIfAnotherIsLeft) {
  Add("png", testing::PngFile(1, 1));
  Add("txt", " \n");
  Add("json", R"({"captions": ["", "two"]})");
  const ShardSample sample = Sample();
  ASSERT_EQ(sample.captions.size(), 1u);
  EXPECT_EQ(sample.captions[0].json_position, 1);
}

TEST_F(SampleBuilderTest, TakesCaptionOfTheLargestSizeWithItsLineEnd) {
  Add("png", testing::PngFile(1, 1));
  Add("txt", "0123456789\r\n");
  EXPECT_EQ(Sample().captions.size(), 1u);
}

TEST_F(SampleBuilderTest, TellsLimitsInItsMessages) {
  Add("png", testing::PngFile(100, 20));
  const ShardRejection rejection = Rejection();
  EXPECT_EQ(rejection.reason, shard_reason::kImageTooLarge);
  EXPECT_EQ(rejection.key, "k");
  EXPECT_EQ(rejection.message,
            "image \"k.png\" at offset 512 has 100 x 20 = 2000 pixels; at most "
            "1000 are "
            "allowed");
}

TEST_F(SampleBuilderTest, WantsNoDataAboveTheLimits) {
  EXPECT_FALSE(Add("png", std::string(101, 'x')));
  EXPECT_EQ(Rejection().reason, shard_reason::kImageTooManyBytes);
}

TEST_F(SampleBuilderTest, WantsNoLargeJson) {
  EXPECT_FALSE(Add("json", std::string(61, ' ')));
  EXPECT_EQ(Rejection().reason, shard_reason::kCaptionJson);
}

TEST_F(SampleBuilderTest, WantsNoLongText) {
  EXPECT_FALSE(Add("txt", std::string(13, 'x')));
  EXPECT_EQ(Rejection().reason, shard_reason::kCaptionTooLong);
}

TEST_F(SampleBuilderTest, RefusesLongCaptionOfJson) {
  EXPECT_TRUE(Add("json", R"({"caption": "0123456789a"})"));
  EXPECT_EQ(Rejection().reason, shard_reason::kCaptionTooLong);
}

TEST_F(SampleBuilderTest, RefusesTooManyCaptions) {
  Add("json", R"({"captions": ["1", "2", "3"]})");
  EXPECT_EQ(Rejection().reason, shard_reason::kTooManyCaptions);
}

TEST_F(SampleBuilderTest, KeepsItsFirstReason) {
  Add("txt", "\xff");
  EXPECT_FALSE(Add("png", "no image"));
  EXPECT_EQ(Rejection().reason, shard_reason::kCaptionNotUtf8);
}

TEST_F(SampleBuilderTest, SaysWhyADottedNameIsNoImage) {
  Add("v2.png", "");
  const ShardRejection rejection = Rejection();
  EXPECT_EQ(rejection.reason, shard_reason::kImageMissing);
  EXPECT_THAT(rejection.message, HasSubstr("\"k.v2.png\" is none"));
  EXPECT_THAT(rejection.message, HasSubstr("first dot"));
}

}  // namespace
}  // namespace keel
