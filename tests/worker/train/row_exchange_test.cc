#include "worker/train/row_exchange.h"

#include <gtest/gtest.h>

#include "tests/testing/member_threads.h"

namespace keel {
namespace {

TEST(RowExchangeTest, TellsAllMembersCountsAndStruckSamples) {
  testing::RunGroup(3, [](Communicator& group) {
    LoadedRows rows;
    rows.samples.resize(group.rank());
    if (group.rank() != 1) {
      rows.struck = {{100 + group.rank(), "IMAGE_DECODE"}};
    }
    auto all = ExchangeRows(group, rows, at::kCPU);
    ASSERT_TRUE(all.ok()) << all.status();
    EXPECT_EQ(all->counts, (std::vector<int64_t>{0, 1, 2}));
    EXPECT_EQ(all->total(), 3);
    ASSERT_EQ(all->struck.size(), 2u);
    EXPECT_EQ(all->struck[0].sample, 100);
    EXPECT_EQ(all->struck[1].sample, 102);
    EXPECT_EQ(all->struck[1].reason, "IMAGE_DECODE");
  });
}

TEST(RowExchangeTest, CutsAReasonThatIsTooLong) {
  const auto solo = MakeSoloCommunicator();
  LoadedRows rows;
  rows.struck = {{1, std::string(50, 'x')}};
  auto all = ExchangeRows(*solo, rows, at::kCPU);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->struck[0].reason, std::string(32, 'x'));
}

TEST(RowExchangeTest, GathersNumbersByColumn) {
  testing::RunGroup(2, [](Communicator& group) {
    auto columns =
        GatherNumbers(group, {group.rank(), 10 + group.rank()}, at::kCPU);
    ASSERT_TRUE(columns.ok());
    EXPECT_EQ(*columns, (std::vector<std::vector<int64_t>>{{0, 1}, {10, 11}}));
  });
}

}  // namespace
}  // namespace keel
