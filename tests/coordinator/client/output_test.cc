#include "coordinator/client/output.h"

#include "coordinator/client/progress_bar.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keel/v1/phase.pb.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

TEST(TableTest, AlignsColumnsToTheirWidestCell) {
  Table table({"name", ">count", "note"});
  table.AddRow({"a", "1", "short"});
  table.AddRow({"long-name", "12345", ""});
  EXPECT_EQ(table.ToString(),
            "name       count  note\n"
            "a              1  short\n"
            "long-name  12345\n");
}

TEST(TableTest, CountsCharactersNotBytes) {
  Table table({"name", "x"});
  table.AddRow({"Zürich", "1"});
  table.AddRow({"Berlin", "2"});
  EXPECT_EQ(table.ToString(), "name    x\nZürich  1\nBerlin  2\n");
}

TEST(TableTest, FillsMissingCells) {
  Table table({"a", "b"});
  table.AddRow({"1"});
  EXPECT_EQ(table.ToString(), "a  b\n1\n");
}

TEST(FieldListTest, AlignsValues) {
  EXPECT_EQ(FieldList({{"a", "1"}, {"long", "2"}}), "a:     1\nlong:  2\n");
}

TEST(ToJsonTest, HasEveryFieldByItsProtoName) {
  v1::LedgerVerdict verdict;
  verdict.set_wrong_step_count(3);
  const auto json = nlohmann::json::parse(ToJson(verdict));
  EXPECT_EQ(json["wrong_step_count"], "3");
  EXPECT_EQ(json["ok"], false);
  EXPECT_TRUE(json["problems"].is_array());
}

TEST(ToJsonTest, FitsOnOneLineWhenAsked) {
  v1::Phase phase;
  phase.set_reason("a\nb");
  const std::string line = ToJsonLine(phase);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(line)["reason"], "a\nb");
}

TEST(FormatTest, GroupsDigits) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCount(12345678), "12,345,678");
}

TEST(FormatTest, ScalesBytes) {
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(int64_t{3} << 40), "3.0 TiB");
  EXPECT_EQ(FormatBytes(int64_t{5} << 50), "5120.0 TiB");
}

TEST(FormatTest, WritesSecondsAsAClock) {
  EXPECT_EQ(FormatSeconds(-5), "0:00");
  EXPECT_EQ(FormatSeconds(59.6), "1:00");
  EXPECT_EQ(FormatSeconds(3723), "1:02:03");
}

TEST(FormatTest, WritesTimesInUtc) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatTime(time), "-");
  time.set_seconds(1'000'000'000);
  EXPECT_EQ(FormatTime(time), "2001-09-09 01:46:40");
}

TEST(RenderBarTest, FillsTheShareThatIsDone) {
  EXPECT_EQ(RenderBar(0, 10), "[--------]");
  EXPECT_EQ(RenderBar(0.5, 10), "[####----]");
  EXPECT_EQ(RenderBar(1, 10), "[########]");
  EXPECT_EQ(RenderBar(7, 10), "[########]");
  EXPECT_EQ(RenderBar(-1, 10), "[--------]");
  EXPECT_EQ(RenderBar(0.0 / 0.0, 10), "[--------]");
}

}  // namespace
}  // namespace keel
