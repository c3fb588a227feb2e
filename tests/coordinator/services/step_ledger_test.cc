#include "coordinator/services/step_ledger.h"

#include <string>

#include "coordinator/store/table_names.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class StepLedgerTest : public PartsFixture {
 protected:
  v1::Progress NewestProgress() {
    auto state = cluster_->Lock();
    return state->FindPhase("s", 1).value()->progress;
  }
};

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

TEST_F(StepLedgerTest, TheShareOfRowsKeptIsAMeanOverTheLastSteps) {
  MakePhase();
  v1::WorkerMessage message;
  v1::StepReports& reports = *message.mutable_step_reports();
  reports.set_generation(
      AttachAndTrain("w")->messages.back().join_group().generation());
  const auto progress = [&](int step, double image, double text) {
    reports.clear_steps();
    v1::StepReport& report = *reports.add_steps();
    report.set_step(step);
    report.set_agreement_image(image);
    report.set_agreement_text(text);
    Say("w", message);
    return NewestProgress();
  };
  EXPECT_DOUBLE_EQ(progress(0, 0.2, 0.6).mean_teacher_agreement(), 0.4);
  EXPECT_DOUBLE_EQ(progress(1, 0.0, 0.0).mean_teacher_agreement(), 0.36);
  EXPECT_EQ(NewestProgress().teacher_agreement(), 0);
}

TEST_F(StepLedgerTest, WithoutScreeningThereIsNoShareOfRowsKept) {
  MakePhase();
  ReportSteps(
      "w", AttachAndTrain("w")->messages.back().join_group().generation(), 1);
  EXPECT_FALSE(NewestProgress().has_teacher_agreement());
}

}  // namespace
}  // namespace keel::testing
