#include "common/shard/pax_records.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/testing/tar_writer.h"

namespace keel {
namespace {

using testing::TarWriter;

TEST(PaxRecordsTest, TakesPathAndSize) {
  PaxOverrides overrides;
  const std::string path(300, 'p');
  ASSERT_TRUE(ApplyPaxRecords(TarWriter::PaxRecord("mtime", "1.5") +
                                  TarWriter::PaxRecord("path", path) +
                                  TarWriter::PaxRecord("size", "8589934592"),
                              &overrides)
                  .ok());
  EXPECT_EQ(overrides.path, path);
  EXPECT_EQ(overrides.size, 8589934592);
  EXPECT_FALSE(overrides.sparse);
}

TEST(PaxRecordsTest, TakesRecordBackByEmptyValue) {
  PaxOverrides overrides{.path = "a", .size = 1};
  ASSERT_TRUE(ApplyPaxRecords(TarWriter::PaxRecord("path", "") +
                                  TarWriter::PaxRecord("size", ""),
                              &overrides)
                  .ok());
  EXPECT_FALSE(overrides.path.has_value());
  EXPECT_FALSE(overrides.size.has_value());
}

TEST(PaxRecordsTest, KeepsLineEndsAndEqualSignsOfValues) {
  PaxOverrides overrides;
  ASSERT_TRUE(
      ApplyPaxRecords(TarWriter::PaxRecord("path", "a\nb=c"), &overrides).ok());
  EXPECT_EQ(overrides.path, "a\nb=c");
}

TEST(PaxRecordsTest, NotesSparseFiles) {
  PaxOverrides overrides;
  ASSERT_TRUE(
      ApplyPaxRecords(TarWriter::PaxRecord("GNU.sparse.major", "1"), &overrides)
          .ok());
  EXPECT_TRUE(overrides.sparse);
}

TEST(PaxRecordsTest, RefusesMalformedRecords) {
  const std::string nul("12 path=a\0b\n", 12);
  for (const std::string& records :
       {std::string("x"), std::string("5 a=b"), std::string("99 a=b\n"),
        std::string("1 a=b\n"), std::string("-6 a=b\n"), std::string("6 a=bc"),
        std::string("5 ab\n"), std::string("6 =bc\n"),
        std::string("99999999999999999999 a=b\n"), std::string("10 size=x\n"),
        std::string("11 size=-1\n"), nul,
        TarWriter::PaxRecord("size", "9223372036854775807")}) {
    PaxOverrides overrides;
    EXPECT_EQ(ApplyPaxRecords(records, &overrides).code(),
              absl::StatusCode::kInvalidArgument)
        << records;
  }
}

}  // namespace
}  // namespace keel
