#include "coordinator/services/step_ledger.h"

#include <string>

#include "coordinator/store/table_names.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

using StepLedgerTest = PartsFixture;

TEST_F(StepLedgerTest, WarnsNowAndThenOfADiskThatStaysFull) {
  MakePhase();
  const int64_t generation =
      AttachAndTrain("w")->messages.back().join_group().generation();
  store_.SetCommitHook(
      [](const WriteBatch&) { return absl::ResourceExhaustedError("full"); });
  // How many warnings a second of trying makes.
  const auto warnings = [&] {
    ::testing::internal::CaptureStderr();
    for (int i = 0; i < 10; ++i) {
      auto state = cluster_->Lock();
      parts_->steps.FlushDue(*state);
      clock_.Advance(absl::Milliseconds(100));
    }
    const std::string log = ::testing::internal::GetCapturedStderr();
    int count = 0;
    for (size_t at = 0;
         (at = log.find("steps could not be stored", at)) != std::string::npos;
         ++at) {
      ++count;
    }
    return count;
  };
  ReportSteps("w", generation, 1);
  clock_.Advance(StepLedger::kFlushEvery);
  EXPECT_EQ(warnings(), 1);
  EXPECT_EQ(warnings(), 0);
  clock_.Advance(StepLedger::kWarnEvery);
  EXPECT_EQ(warnings(), 1);
}

}  // namespace
}  // namespace keel::testing
