#include "common/shard/tar_header.h"

#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/tar_writer.h"

namespace keel {
namespace {

using testing::TarWriter;

// A header whose field of `bytes.size()` bytes at `offset` is `bytes`.
std::string With(size_t offset, const std::string& bytes) {
  std::string block = TarWriter::Header("a.jpg", 7, '0');
  return TarWriter::Sealed(block.replace(offset, bytes.size(), bytes));
}

constexpr size_t kSizeOffset = 124;

TEST(TarHeaderTest, ReadsUstar) {
  const auto header = ParseTarHeader(TarWriter::Header("d/a.jpg", 1234, '2'));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->path, "d/a.jpg");
  EXPECT_EQ(header->size, 1234);
  EXPECT_EQ(header->type, '2');
}

TEST(TarHeaderTest, JoinsPrefixOfUstarOnly) {
  EXPECT_EQ(ParseTarHeader(With(345, "some/where"))->path, "some/where/a.jpg");
  std::string gnu = With(345, "14123456701");
  gnu.replace(257, 8, std::string("ustar  \0", 8));
  EXPECT_EQ(ParseTarHeader(TarWriter::Sealed(gnu))->path, "a.jpg");
}

TEST(TarHeaderTest, ReadsNameThatFillsItsField) {
  EXPECT_EQ(ParseTarHeader(With(0, std::string(100, 'n')))->path,
            std::string(100, 'n'));
}

TEST(TarHeaderTest, ReadsSizesInAllSpellings) {
  EXPECT_EQ(ParseTarHeader(With(kSizeOffset, "00000000017\0"))->size, 15);
  EXPECT_EQ(ParseTarHeader(With(kSizeOffset, "         17 "))->size, 15);
  EXPECT_EQ(ParseTarHeader(With(kSizeOffset, "000000000017"))->size, 15);
  EXPECT_EQ(ParseTarHeader(With(kSizeOffset, std::string(12, '\0')))->size, 0);
  const std::string binary("\x80\0\0\0\0\0\0\2\0\0\0\0", 12);
  EXPECT_EQ(ParseTarHeader(With(kSizeOffset, binary))->size, int64_t{2} << 32);
}

TEST(TarHeaderTest, RefusesBadSizes) {
  for (const std::string& size :
       {std::string("00000000018"), std::string("x0000000017"),
        std::string(12, '\xff'), std::string("\x80") + std::string(11, '\xff'),
        std::string("\x80\1\0\0\0\0\0\0\0\0\0\0", 12)}) {
    EXPECT_EQ(ParseTarHeader(With(kSizeOffset, size)).status().code(),
              absl::StatusCode::kInvalidArgument)
        << size;
  }
}

TEST(TarHeaderTest, RefusesAnyFlippedBit) {
  const std::string good = TarWriter::Header("a.jpg", 7, '0');
  ASSERT_TRUE(ParseTarHeader(good).ok());
  for (size_t at = 0; at < good.size(); ++at) {
    // The last byte of the checksum's field is never read.
    if (at == 155) continue;
    std::string bad = good;
    bad[at] ^= 2;
    EXPECT_FALSE(ParseTarHeader(bad).ok()) << at;
  }
}

// Old tars summed up signed bytes.
TEST(TarHeaderTest, TakesChecksumOfSignedBytes) {
  std::string block = With(0, "\xc3\xa4.jpg");
  const int64_t plain = std::stoll(block.substr(148, 6), nullptr, 8);
  char text[8];
  std::snprintf(text, sizeof(text), "%06llo",
                static_cast<unsigned long long>(plain - 2 * 256));
  EXPECT_TRUE(ParseTarHeader(block.replace(148, 6, text)).ok());
}

TEST(TarHeaderTest, TellsZeroBlock) {
  EXPECT_TRUE(IsZeroBlock(std::string(512, '\0')));
  EXPECT_FALSE(IsZeroBlock(std::string(511, '\0') + "x"));
}

}  // namespace
}  // namespace keel
