#include "common/shard/image_header.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/image_files.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

void ExpectHeader(const std::string& file, ImageFormat format, int width,
                  int height) {
  const auto header = ParseImageHeader(file);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->format, format);
  EXPECT_EQ(header->width, width);
  EXPECT_EQ(header->height, height);
}

std::string Refusal(const std::string& file) {
  const auto header = ParseImageHeader(file);
  EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(header.status().message());
}

TEST(ImageHeaderTest, ReadsPng) {
  ExpectHeader(testing::PngFile(640, 480), ImageFormat::kPng, 640, 480);
}

// Such a picture is among the clip art that the demonstration trains on.
TEST(ImageHeaderTest, CountsPixelsOfHugePngWithoutOverflow) {
  const auto header = ParseImageHeader(testing::PngFile(24960, 24960));
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->pixels(), 623'001'600);
  const auto largest =
      ParseImageHeader(testing::PngFile(0x7fffffff, 0x7fffffff));
  ASSERT_TRUE(largest.ok());
  EXPECT_EQ(largest->pixels(), int64_t{0x7fffffff} * 0x7fffffff);
}

TEST(ImageHeaderTest, RefusesBrokenPng) {
  EXPECT_THAT(Refusal(testing::PngFile(0, 5)), HasSubstr("0 x 5"));
  EXPECT_THAT(Refusal(testing::PngFile(0x80000000u, 5)), HasSubstr("claims"));
  std::string file = testing::PngFile(640, 480);
  file[17] ^= 1;
  EXPECT_THAT(Refusal(file), HasSubstr("checksum"));
  file = testing::PngFile(640, 480);
  file[12] = 'X';
  EXPECT_THAT(Refusal(file), HasSubstr("IHDR"));
}

TEST(ImageHeaderTest, ReadsJpegWithEveryFrameMarker) {
  for (int marker = 0xc0; marker <= 0xcf; ++marker) {
    const std::string file = testing::JpegFile(1024, 768, marker);
    if (marker == 0xc4 || marker == 0xc8 || marker == 0xcc) {
      EXPECT_FALSE(ParseImageHeader(file).ok()) << marker;
    } else {
      ExpectHeader(file, ImageFormat::kJpeg, 1024, 768);
    }
  }
}

TEST(ImageHeaderTest, SkipsFillBytesAndLargeSegmentsOfJpeg) {
  const std::string frame = testing::JpegFile(31, 47).substr(20);
  const std::string profile =
      "\xff\xe2" + testing::BigEndian(65535, 2) + std::string(65533, '\xff');
  ExpectHeader("\xff\xd8" + profile + profile + "\xff\xff\xff" + frame,
               ImageFormat::kJpeg, 31, 47);
}

TEST(ImageHeaderTest, RefusesBrokenJpeg) {
  EXPECT_THAT(Refusal(testing::JpegFile(5, 0)), HasSubstr("5 x 0"));
  const std::string start("\xff\xd8\xff", 3);
  EXPECT_THAT(Refusal(start + std::string("\xe0\0\0", 3)), HasSubstr("broken"));
  EXPECT_THAT(Refusal(start + std::string("\xe0\0\3x!!", 6)),
              HasSubstr("broken"));
  EXPECT_THAT(Refusal(start + "\xe0\xff\xff"), HasSubstr("cut short"));
  EXPECT_THAT(Refusal(start + std::string("\xda\0\2", 3)),
              HasSubstr("no frame header"));
  EXPECT_THAT(Refusal(start + std::string("\xc0\0\3\x08", 4)),
              HasSubstr("cut short"));
}

TEST(ImageHeaderTest, ReadsAllKindsOfWebp) {
  ExpectHeader(testing::LossyWebpFile(550, 368), ImageFormat::kWebp, 550, 368);
  // The two high bits are a scale, not size.
  ExpectHeader(testing::LossyWebpFile(0x4000 | 550, 368), ImageFormat::kWebp,
               550, 368);
  ExpectHeader(testing::LosslessWebpFile(16384, 1), ImageFormat::kWebp, 16384,
               1);
  ExpectHeader(testing::ExtendedWebpFile(1 << 24, 1 << 24), ImageFormat::kWebp,
               1 << 24, 1 << 24);
}

TEST(ImageHeaderTest, RefusesBrokenAndAnimatedWebp) {
  EXPECT_THAT(Refusal(testing::ExtendedWebpFile(5, 5, 2)),
              HasSubstr("animated"));
  EXPECT_THAT(Refusal(testing::WebpFile("VP9 ", std::string(10, '\0'))),
              HasSubstr("broken"));
  EXPECT_THAT(Refusal(testing::WebpFile("VP8L", std::string(10, '\0'))),
              HasSubstr("broken"));
  EXPECT_THAT(Refusal(testing::WebpFile("VP8 ", std::string(10, '\0'))),
              HasSubstr("broken"));
  EXPECT_THAT(Refusal(testing::LossyWebpFile(0, 5)), HasSubstr("0 x 5"));
  std::string cut = testing::LossyWebpFile(5, 5);
  cut.pop_back();
  EXPECT_THAT(Refusal(cut), HasSubstr("cut short"));
}

TEST(ImageHeaderTest, RefusesOtherFormats) {
  for (const std::string& file :
       {std::string(), std::string("GIF89a"), std::string("BM"),
        std::string("RIFF\0\0\0\0WAVE", 12), std::string("RIFF"),
        std::string("\xff\xd8"), std::string(64, '\0')}) {
    EXPECT_THAT(Refusal(file), HasSubstr("neither JPEG, PNG nor WebP"));
  }
}

TEST(ImageHeaderTest, RefusesEveryPrefixOfAHeader) {
  for (const std::string& file :
       {testing::PngFile(5, 5), testing::JpegFile(5, 5).substr(0, 33),
        testing::LossyWebpFile(5, 5), testing::LosslessWebpFile(5, 5),
        testing::ExtendedWebpFile(5, 5)}) {
    ASSERT_TRUE(ParseImageHeader(file).ok());
    for (size_t length = 0; length < file.size(); ++length) {
      EXPECT_FALSE(ParseImageHeader(file.substr(0, length)).ok()) << length;
    }
  }
}

}  // namespace
}  // namespace keel
