#include "coordinator/client/drift_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Drift Measured(bool reliable) {
  v1::Drift drift;
  drift.set_phase(2);
  drift.set_reference_phase(1);
  drift.set_reference("parent");
  drift.set_probe("birds");
  drift.set_sample_count(1200);
  drift.mutable_rotation_image()->set_mean(21.456);
  drift.mutable_rotation_text()->set_mean(18.5);
  drift.mutable_cross_angle_change()->set_mean(3.25);
  drift.set_deviation_degrees(7.5);
  drift.set_deviation_floor_degrees(2.5);
  drift.set_deviation_reliable(reliable);
  for (int i = 0; i < 180; ++i) {
    drift.mutable_rotation_image()->add_counts(i < 20 ? 1 : 0);
  }
  return drift;
}

TEST(ParseBinsTest, TakesGrowingWholeDegrees) {
  EXPECT_THAT(*ParseBins("5,10,15"), ElementsAre(5, 10, 15));
  EXPECT_THAT(*ParseBins("180"), ElementsAre(180));
}

TEST(ParseBinsTest, RefusesOtherTexts) {
  for (const char* text :
       {"", "0", "10,5", "5,5", "181", "5,,10", "a", "2.5"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseBins(text).status())) << text;
  }
}

TEST(BinSharesTest, SumsOneDegreeCounts) {
  std::vector<int64_t> counts(180, 0);
  counts[0] = 1;
  counts[4] = 2;
  counts[5] = 3;
  counts[179] = 4;
  EXPECT_THAT(BinShares(counts, {5, 10}),
              ElementsAre(DoubleEq(0.3), DoubleEq(0.3), DoubleEq(0.4)));
}

TEST(BinSharesTest, AddsNoBinBehindOneHundredAndEighty) {
  std::vector<int64_t> counts(180, 1);
  EXPECT_THAT(BinShares(counts, {90, 180}),
              ElementsAre(DoubleEq(0.5), DoubleEq(0.5)));
}

TEST(BinSharesTest, IsEmptyWithoutCounts) {
  EXPECT_THAT(BinShares({}, {5}), IsEmpty());
  EXPECT_THAT(BinShares(std::vector<int64_t>(180, 0), {5}), IsEmpty());
}

TEST(DriftTableTest, ShowsMeansAndTheDeviationWithItsFloor) {
  const std::string table = DriftTable({Measured(true)});
  EXPECT_THAT(table, HasSubstr("@2"));
  EXPECT_THAT(table, HasSubstr("parent @1"));
  EXPECT_THAT(table, HasSubstr("21.46 / 18.50"));
  EXPECT_THAT(table, HasSubstr("7.50 (2.50)"));
  EXPECT_EQ(table.find('?'), std::string::npos);
}

TEST(DriftTableTest, MarksAnUnreliableDeviation) {
  EXPECT_THAT(DriftTable({Measured(false)}), HasSubstr("7.50 (2.50) ?"));
}

TEST(DriftBinTableTest, ShowsSharesOfEachMeasure) {
  const std::string table = DriftBinTable({Measured(true)}, {5, 10});
  EXPECT_THAT(table, HasSubstr("0-5"));
  EXPECT_THAT(table, HasSubstr("10-180"));
  EXPECT_THAT(table, HasSubstr("rotation, image"));
  EXPECT_THAT(table, HasSubstr("25.0  25.0    50.0"));
}

TEST(DriftBinTableTest, ShowsOnlyMeasuresOfThatName) {
  const std::string table =
      DriftBinTable({Measured(true)}, {15, 20}, "rotation,");
  EXPECT_THAT(table, HasSubstr("rotation, image"));
  EXPECT_THAT(table, HasSubstr("rotation, text"));
  EXPECT_EQ(table.find("gap"), std::string::npos);
  EXPECT_EQ(table.find("self angle"), std::string::npos);
}

}  // namespace
}  // namespace keel
