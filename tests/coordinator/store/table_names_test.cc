#include "coordinator/store/table_names.h"

#include <limits>
#include <set>
#include <string>

#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(TableNamesTest, KnowsItsTablesOnly) {
  EXPECT_EQ(std::set(table::kAll.begin(), table::kAll.end()).size(), 13u);
  for (std::string_view name : table::kAll) EXPECT_TRUE(IsTable(name)) << name;
  EXPECT_FALSE(IsTable("sqlite_schema"));
  EXPECT_FALSE(IsTable(""));
}

TEST(TableNamesTest, OrdersKeysAsNumbers) {
  const int64_t numbers[] = {
      0, 1, 9, 10, 99, 100, 4'294'967'296, std::numeric_limits<int64_t>::max()};
  for (size_t i = 1; i < std::size(numbers); ++i) {
    EXPECT_LT(NumberKey(numbers[i - 1]), NumberKey(numbers[i]));
    EXPECT_LT(StepKey(7, numbers[i - 1]), StepKey(7, numbers[i]));
    EXPECT_LT(StepKey(numbers[i - 1], 7), StepKey(numbers[i], 7));
  }
  EXPECT_LT(PhaseKey("s", 9, 2), PhaseKey("s", 10, 1));
  EXPECT_LT(PhaseKey("s", 9, 2), PhaseKey("s", 9, 10));
}

// Stored keys: a change here is a change of the format.
TEST(TableNamesTest, BuildsKeysAsDocumented) {
  EXPECT_EQ(NumberKey(42), "0000000000000000042");
  EXPECT_EQ(ChunkKey("s", "abc"), "s/abc");
  EXPECT_EQ(RequestKey("s", "a/b c"), "s/a/b c");
  EXPECT_EQ(ProbeKey("s", "p"), "s/p");
  EXPECT_EQ(PhaseKey("s", 3, 1), "s/0000000000000000003/0000000000000000001");
  EXPECT_EQ(CheckpointKey("s", 0), "s/0000000000000000000");
  EXPECT_EQ(RecallKey("s", 3, "p"), "s/0000000000000000003/p");
  EXPECT_EQ(DriftKey("s", 3, "p", "origin"), "s/0000000000000000003/p/origin");
  EXPECT_EQ(StepKey(2, 5), "0000000000000000002/0000000000000000005");
}

TEST(TableNamesTest, PrefixesHoldOneStreamPhaseOrGeneration) {
  EXPECT_TRUE(ChunkKey("s", "abc").starts_with(KeyPrefix("s")));
  EXPECT_FALSE(ChunkKey("s-2", "abc").starts_with(KeyPrefix("s")));
  EXPECT_TRUE(PhaseKey("s", 3, 1).starts_with(KeyPrefix(PhasePart("s", 3))));
  EXPECT_FALSE(PhaseKey("s", 30, 1).starts_with(KeyPrefix(PhasePart("s", 3))));
  EXPECT_TRUE(StepKey(2, 5).starts_with(KeyPrefix(GenerationKey(2))));
}

}  // namespace
}  // namespace keel
