// The decoders and the transform together, against Pillow and open_clip
// (tests/parity/make_image_golden.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "common/sha256.h"
#include "worker/data/image_decoder.h"
#include "worker/data/image_transform.h"

namespace keel {
namespace {

constexpr char kFolder[] = "tests/golden/images/";

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

ImageFormat FormatNamed(const std::string& name) {
  if (name == "jpeg") return ImageFormat::kJpeg;
  return name == "png" ? ImageFormat::kPng : ImageFormat::kWebp;
}

std::string Digest(const std::vector<uint8_t>& bytes) {
  return Sha256Hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

TEST(GoldenImagesTest, DecodeAndCropAsPillowAndOpenClip) {
  const auto rows =
      nlohmann::json::parse(ReadAll(std::string(kFolder) + "manifest.json"));
  ASSERT_GE(rows.size(), 47u);
  for (const auto& row : rows) {
    const std::string name = row["file"];
    const auto image = DecodeImage(FormatNamed(row["format"]),
                                   ReadAll(kFolder + name), 1 << 20);
    ASSERT_TRUE(image.ok()) << name << ": " << image.status();
    EXPECT_EQ(image->width, row["width"].get<int64_t>()) << name;
    EXPECT_EQ(image->height, row["height"].get<int64_t>()) << name;
    EXPECT_EQ(Digest(image->pixels), row["rgb"].get<std::string>()) << name;
    for (const auto& [size, digest] : row["crops"].items()) {
      EXPECT_EQ(Digest(TransformImage(*image, std::stoi(size))),
                digest.get<std::string>())
          << name << " at " << size;
    }
  }
}

}  // namespace
}  // namespace keel
