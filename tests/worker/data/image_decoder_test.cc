#include "worker/data/image_decoder.h"

#include <gtest/gtest.h>
#include <turbojpeg.h>
#include <webp/encode.h>

#include <random>
#include <string>

#include "common/sha256.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/data/test_images.h"

namespace keel {
namespace {

constexpr int64_t kMaxPixels = 1 << 20;
// What a value of MakePicture, in quality 95, loses at most.
constexpr int kJpegLoss = 16;

std::string ToJpeg(const std::vector<uint8_t>& pixels, int width, int height,
                   int format, int subsampling) {
  const tjhandle handle = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(handle, pixels.data(), width, 0, height, format, &bytes,
                        &size, subsampling, 95, 0),
            0);
  const std::string jpeg(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(handle);
  return jpeg;
}

std::string ToWebp(const RgbImage& image) {
  uint8_t* bytes = nullptr;
  const size_t size =
      WebPEncodeLosslessRGB(image.pixels.data(), static_cast<int>(image.width),
                            static_cast<int>(image.height),
                            static_cast<int>(image.width * 3), &bytes);
  const std::string webp(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  return webp;
}

// The same picture in every format.
std::string Encode(ImageFormat format, const RgbImage& image) {
  if (format == ImageFormat::kPng) return PngOf(image);
  if (format == ImageFormat::kWebp) return ToWebp(image);
  return ToJpeg(image.pixels, static_cast<int>(image.width),
                static_cast<int>(image.height), TJPF_RGB, TJSAMP_444);
}

class EveryFormatTest : public ::testing::TestWithParam<ImageFormat> {};

TEST_P(EveryFormatTest, GivesThePixels) {
  const RgbImage picture = MakePicture(20, 10, 1);
  const auto image =
      DecodeImage(GetParam(), Encode(GetParam(), picture), kMaxPixels);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->width, 20);
  EXPECT_EQ(image->height, 10);
  ASSERT_EQ(image->pixels.size(), picture.pixels.size());
  const int loss = GetParam() == ImageFormat::kJpeg ? kJpegLoss : 0;
  for (size_t i = 0; i < picture.pixels.size(); ++i) {
    EXPECT_NEAR(image->pixels[i], picture.pixels[i], loss) << i;
  }
}

TEST_P(EveryFormatTest, RefusesMorePixelsThanAllowed) {
  const std::string bytes = Encode(GetParam(), MakePicture(20, 10, 1));
  EXPECT_TRUE(DecodeImage(GetParam(), bytes, 200).ok());
  EXPECT_TRUE(
      absl::IsInvalidArgument(DecodeImage(GetParam(), bytes, 199).status()));
}

TEST_P(EveryFormatTest, RefusesTruncatedBytes) {
  const std::string bytes = Encode(GetParam(), MakePicture(64, 64, 2));
  for (size_t size : {size_t{0}, size_t{1}, size_t{11}, bytes.size() / 4,
                      bytes.size() / 2, bytes.size() - 20}) {
    const auto image =
        DecodeImage(GetParam(), bytes.substr(0, size), kMaxPixels);
    EXPECT_TRUE(absl::IsInvalidArgument(image.status()))
        << size << " " << image.status();
  }
}

TEST_P(EveryFormatTest, RefusesAnotherFormat) {
  const ImageFormat other =
      GetParam() == ImageFormat::kPng ? ImageFormat::kWebp : ImageFormat::kPng;
  const std::string bytes = Encode(other, MakePicture(20, 10, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(
      DecodeImage(GetParam(), bytes, kMaxPixels).status()));
}

TEST_P(EveryFormatTest, SurvivesDamagedBytes) {
  const std::string good = Encode(GetParam(), MakePicture(40, 30, 3));
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = good;
    for (int i = 0; i < 1 + round % 8; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    const auto image = DecodeImage(GetParam(), bytes, kMaxPixels);
    if (image.ok()) {
      EXPECT_EQ(image->pixels.size(),
                static_cast<size_t>(image->width * image->height * 3));
    } else {
      EXPECT_TRUE(absl::IsInvalidArgument(image.status())) << image.status();
    }
  }
}

std::string NameOfFormat(const ::testing::TestParamInfo<ImageFormat>& info) {
  const std::vector<std::string> names = {"Unknown", "Jpeg", "Png", "Webp"};
  return names.at(static_cast<size_t>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormatTest,
                         ::testing::Values(ImageFormat::kJpeg,
                                           ImageFormat::kPng,
                                           ImageFormat::kWebp),
                         NameOfFormat);

TEST(ImageDecoderTest, ReadsYcckAsInvertedInk) {
  // Half-covered inks over no black: r = 255 - 55, and so on.
  std::vector<uint8_t> cmyk;
  for (int i = 0; i < 16 * 16; ++i)
    cmyk.insert(cmyk.end(), {200, 120, 40, 255});
  const std::string jpeg = ToJpeg(cmyk, 16, 16, TJPF_CMYK, TJSAMP_444);
  const auto image = DecodeImage(ImageFormat::kJpeg, jpeg, kMaxPixels);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_NEAR(image->pixels[0], 200, 3);
  EXPECT_NEAR(image->pixels[1], 120, 3);
  EXPECT_NEAR(image->pixels[2], 40, 3);
}

TEST(ImageDecoderTest, ReadsGreyJpeg) {
  const std::string jpeg =
      ToJpeg(std::vector<uint8_t>(64, 77), 8, 8, TJPF_GRAY, TJSAMP_GRAY);
  const auto image = DecodeImage(ImageFormat::kJpeg, jpeg, kMaxPixels);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->pixels, std::vector<uint8_t>(3 * 64, 77));
}

std::string PngChunk(const std::string& kind, const std::string& data) {
  const auto word = [](uint32_t value) {
    std::string bytes;
    for (int shift : {24, 16, 8, 0}) {
      bytes += static_cast<char>(value >> shift);
    }
    return bytes;
  };
  return word(static_cast<uint32_t>(data.size())) + kind + data +
         word(Crc32(kind + data));
}

TEST(ImageDecoderTest, RefusesAPngWithManyMegabytesOfText) {
  const std::string png = PngOf(MakePicture(16, 16, 4));
  // Behind the signature and the header chunk.
  constexpr size_t kHeaderEnd = 8 + 25;
  const auto with_text = [&png](size_t size) {
    const std::string text("comment\0", 8);
    return png.substr(0, kHeaderEnd) +
           PngChunk("tEXt", text + std::string(size, 'x')) +
           png.substr(kHeaderEnd);
  };
  EXPECT_TRUE(
      DecodeImage(ImageFormat::kPng, with_text(1 << 20), kMaxPixels).ok());
  const auto image =
      DecodeImage(ImageFormat::kPng, with_text(65 << 20), kMaxPixels);
  EXPECT_TRUE(absl::IsInvalidArgument(image.status())) << image.status();
}

TEST(ImageDecoderTest, ToleratesBytesBehindAJpeg) {
  const RgbImage picture = MakePicture(16, 16, 4);
  const std::string jpeg =
      Encode(ImageFormat::kJpeg, picture) + "trailing bytes";
  EXPECT_TRUE(DecodeImage(ImageFormat::kJpeg, jpeg, kMaxPixels).ok());
}

}  // namespace
}  // namespace keel
