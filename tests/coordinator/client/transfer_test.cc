#include "coordinator/client/transfer.h"

#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

class RetryBudgetTest : public ::testing::Test {
 protected:
  RetryBudgetTest() {
    options_.give_up_after = absl::Seconds(3);
    options_.first_delay = absl::Seconds(1);
    options_.longest_delay = absl::Seconds(2);
    options_.sleep = [this](absl::Duration delay) { slept_.push_back(delay); };
  }
  TransferOptions options_;
  std::vector<absl::Duration> slept_;
};

TEST_F(RetryBudgetTest, WaitsLongerEachTimeUntilItGivesUp) {
  RetryBudget budget(options_);
  EXPECT_TRUE(budget.WaitFor(absl::UnavailableError("")));
  EXPECT_TRUE(budget.WaitFor(absl::UnavailableError("")));
  EXPECT_FALSE(budget.WaitFor(absl::UnavailableError("")));
  EXPECT_EQ(slept_,
            (std::vector<absl::Duration>{absl::Seconds(1), absl::Seconds(2)}));
}

TEST_F(RetryBudgetTest, IsWholeAgainAfterProgress) {
  RetryBudget budget(options_);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(budget.WaitFor(absl::UnavailableError("")));
    EXPECT_EQ(slept_.back(), absl::Seconds(1));
    budget.NoteProgress();
  }
}

TEST_F(RetryBudgetTest, TriesDamagedBytesOnceMore) {
  RetryBudget budget(options_);
  EXPECT_TRUE(budget.WaitFor(absl::DataLossError("")));
  budget.NoteProgress();
  EXPECT_FALSE(budget.WaitFor(absl::DataLossError("")));
}

TEST_F(RetryBudgetTest, DoesNotRepeatWhatTheServerRefused) {
  RetryBudget budget(options_);
  EXPECT_FALSE(budget.WaitFor(absl::InvalidArgumentError("")));
  EXPECT_FALSE(budget.WaitFor(absl::NotFoundError("")));
  EXPECT_FALSE(budget.WaitFor(absl::ResourceExhaustedError("")));
  EXPECT_TRUE(slept_.empty());
}

TEST(FrameTest, CarriesOffsetDataAndChecksum) {
  TestFolder folder;
  const auto file = RandomAccessFile::Open(folder.Write("f", "0123456789"));
  ASSERT_TRUE(file.ok());
  const auto frame = ReadFrame(**file, 8, 4);
  ASSERT_TRUE(frame.ok());
  EXPECT_EQ(frame->offset(), 8);
  EXPECT_EQ(frame->data(), "89");
  EXPECT_EQ(frame->crc32(), Crc32("89"));
  EXPECT_TRUE(CheckFrame(*frame, 8).ok());
}

TEST(FrameTest, IsRefusedWhenDamagedOrOutOfOrder) {
  v1::DataFrame frame;
  frame.set_offset(4);
  frame.set_data("abc");
  frame.set_crc32(Crc32("abc"));
  EXPECT_TRUE(CheckFrame(frame, 4).ok());
  EXPECT_TRUE(absl::IsDataLoss(CheckFrame(frame, 5)));
  frame.set_data("abd");
  EXPECT_TRUE(absl::IsDataLoss(CheckFrame(frame, 4)));
}

}  // namespace
}  // namespace keel
