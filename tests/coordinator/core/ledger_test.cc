#include "coordinator/core/ledger.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/accounting_hash.h"
#include "tests/coordinator/core/ledger_harness.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

class LedgerTest : public testing::LedgerHarness {};

TEST_F(LedgerTest, PassesAPhaseTrainedAsPlanned) {
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.phase(), 2);
  EXPECT_EQ(verdict.attempt(), 1);
  EXPECT_EQ(verdict.sample_count(), ledger_.plan.sample_count());
  EXPECT_EQ(verdict.due_count(), ledger_.plan.sample_count() * kEpochs);
  EXPECT_EQ(verdict.trained_count(), verdict.due_count());
  EXPECT_EQ(verdict.struck_count(), 0);
  EXPECT_EQ(verdict.step_count(), Schedule().step_count());
  EXPECT_EQ(verdict.wrong_step_count(), 0);
}

TEST_F(LedgerTest, PassesWhateverTheOrderOfTheRecords) {
  std::reverse(ledger_.steps.begin(), ledger_.steps.end());
  EXPECT_TRUE(VerifyPhase(ledger_).ok());
}

TEST_F(LedgerTest, CatchesOneFlippedBitOfAnyHalf) {
  for (uint64_t bit : {uint64_t{1}, uint64_t{1} << 40, uint64_t{1} << 63}) {
    PhaseLedger kept = ledger_;
    ledger_.steps[4].set_hash_low(ledger_.steps[4].hash_low() ^ bit);
    ExpectProblem("step 4: ", 1);
    ledger_ = kept;
    ledger_.steps[4].set_hash_high(ledger_.steps[4].hash_high() ^ bit);
    ExpectProblem("step 4: ", 1);
    ledger_ = kept;
  }
}

TEST_F(LedgerTest, CatchesAMissingStep) {
  ledger_.steps.erase(ledger_.steps.begin() + 3);
  ExpectProblem("step 3: no record in the lineage", 1);
}

TEST_F(LedgerTest, CatchesAStepThatIsRecordedTwice) {
  ledger_.steps.push_back(ledger_.steps[5]);
  ExpectProblem("step 5: recorded 2 times", 1);
}

TEST_F(LedgerTest, CatchesAStepBehindTheLastOne) {
  ledger_.steps.push_back(ledger_.steps.back());
  ledger_.steps.back().set_step(Schedule().step_count());
  ExpectProblem("not a step of the plan", 1);
}

TEST_F(LedgerTest, CatchesALoaderThatIsOffByOne) {
  const int64_t count = ledger_.plan.sample_count();
  for (storage::v1::StepRecord& record : ledger_.steps) {
    AccountingHash sum;
    for (int64_t sample : Schedule().SamplesOfStep(record.step())) {
      const int epoch = Schedule().EpochOfStep(record.step());
      const storage::v1::SampleIndex& read = Sample((sample + 1) % count);
      const int caption =
          Schedule().CaptionOf(epoch, sample, read.captions_size());
      sum += HashRow(AccountingKey(ledger_.plan.seed(), ledger_.plan.phase()),
                     epoch, sample, read.image_digest(),
                     read.captions(caption).digest());
    }
    SetHash(record, sum);
  }
  ExpectProblem("step 0: ", Schedule().step_count());
  EXPECT_EQ(VerifyPhase(ledger_).trained_count(), 0);
}

TEST_F(LedgerTest, CatchesAWrongCaption) {
  for (int64_t sample : Schedule().SamplesOfStep(2)) {
    if (Sample(sample).captions_size() < 2) continue;
    AccountingHash hash = HashOf(ledger_.steps[2]);
    const AccountingHash right = Row(2, sample);
    const AccountingHash wrong = Row(2, sample, /*caption_shift=*/1);
    hash.low += wrong.low - right.low;
    hash.high += wrong.high - right.high;
    SetHash(ledger_.steps[2], hash);
    break;
  }
  ExpectProblem("step 2: ", 1);
}

TEST_F(LedgerTest, CatchesTwoStepsThatAreSwapped) {
  const AccountingHash first = HashOf(ledger_.steps[0]);
  SetHash(ledger_.steps[0], HashOf(ledger_.steps[1]));
  SetHash(ledger_.steps[1], first);
  ExpectProblem("step 0: ", 2);
}

TEST_F(LedgerTest, CatchesAnEpochRecordedInPlaceOfAnother) {
  const int64_t epoch = Schedule().steps_per_epoch();
  SetHash(ledger_.steps[epoch], HashOf(ledger_.steps[0]));
  ExpectProblem(absl::StrCat("step ", epoch, ": "), 1);
}

TEST_F(LedgerTest, NamesRecordedAndExpectedRowCounts) {
  ledger_.steps[0].set_sample_count(ledger_.steps[0].sample_count() - 1);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  const int64_t rows = Schedule().SamplesOfStep(0).size();
  EXPECT_THAT(verdict.problems(0), HasSubstr(absl::StrCat(rows - 1, " rows")));
  EXPECT_THAT(verdict.problems(0), HasSubstr(absl::StrCat(rows, " rows")));
}

TEST_F(LedgerTest, PassesAndCountsStruckSamples) {
  Strike(3, Schedule().SamplesOfStep(3)[2]);
  Strike(3, Schedule().SamplesOfStep(3)[0]);
  Strike(8, Schedule().SamplesOfStep(8)[1]);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.struck_count(), 3);
  EXPECT_EQ(verdict.trained_count(), verdict.due_count() - 3);
  EXPECT_EQ(verdict.accounting().struck_by_reason().at("IMAGE_DECODE"), 3);
}

TEST_F(LedgerTest, CatchesAStruckSampleThatIsNotInTheStep) {
  const std::vector<int64_t> samples = Schedule().SamplesOfStep(3);
  int64_t stranger = 0;
  while (std::count(samples.begin(), samples.end(), stranger)) ++stranger;
  Strike(3, stranger);
  ExpectProblem(absl::StrCat("step 3: sample ", stranger, " is struck"), 1);
}

TEST_F(LedgerTest, CatchesASampleThatIsStruckTwiceInAStep) {
  const int64_t sample = Schedule().SamplesOfStep(3)[0];
  Strike(3, sample);
  Strike(3, sample);
  ExpectProblem("step 3: ", 1);
}

TEST_F(LedgerTest, CatchesAStruckSampleThatWasTrainedAllTheSame) {
  const int64_t sample = Schedule().SamplesOfStep(3)[0];
  Strike(3, sample);
  AccountingHash hash = HashOf(ledger_.steps[3]);
  hash += Row(3, sample);
  SetHash(ledger_.steps[3], hash);
  ExpectProblem("step 3: ", 1);
}

TEST_F(LedgerTest, IgnoresStepsBehindTheCutOfASupersededSegment) {
  // Generation 1 committed up to step 9, 2 went on from 6 and delivered.
  ledger_.steps.clear();
  TrainAll(1, 0, 9);
  ledger_.steps[7].set_hash_low(1);
  AddGeneration(2, 1, 6);
  TrainAll(2, 6);
  ledger_.final_generation = 2;
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
}

TEST_F(LedgerTest, IgnoresABranchThatDeliveredNothing) {
  AddGeneration(2, 0, 0);
  TrainAll(2, 0, 5);
  for (storage::v1::StepRecord& record : ledger_.steps) {
    if (record.generation() == 2) record.set_hash_low(3);
  }
  EXPECT_TRUE(VerifyPhase(ledger_).ok());
}

TEST_F(LedgerTest, FollowsALineageThatWentBackBehindItsParentsStart) {
  // 1: [0, 8); 2 from 8 to 10; 3 from the older resume point at 4.
  ledger_.steps.clear();
  TrainAll(1, 0, 8);
  AddGeneration(2, 1, 8);
  TrainAll(2, 8, 10);
  AddGeneration(3, 2, 4);
  TrainAll(3, 4);
  ledger_.final_generation = 3;
  EXPECT_TRUE(VerifyPhase(ledger_).ok());
  for (const storage::v1::StepRecord& record : LineageSteps(ledger_)) {
    EXPECT_EQ(record.generation(), record.step() < 4 ? 1 : 3);
  }
}

TEST_F(LedgerTest, CatchesAHoleBetweenTwoSegments) {
  ledger_.steps.clear();
  TrainAll(1, 0, 5);
  AddGeneration(2, 1, 6);
  TrainAll(2, 6);
  ledger_.final_generation = 2;
  ExpectProblem("step 5: no record in the lineage", 1);
}

TEST_F(LedgerTest, EndsWhenTheLineageIsACircle) {
  ledger_.generations[0].set_parent_generation(1);
  EXPECT_EQ(LineageSteps(ledger_).size(), ledger_.steps.size());
}

TEST_F(LedgerTest, CatchesAccountingThatDoesNotAddUp) {
  ledger_.accounting.set_probe_count(ledger_.accounting.probe_count() + 1);
  ExpectProblem("accounting: ", 0);
}

TEST_F(LedgerTest, CatchesAnIndexOfAnotherSize) {
  ledger_.indexes[1].mutable_samples()->RemoveLast();
  ExpectProblem("chunk ", 0);
}

TEST_F(LedgerTest, ShowsTwentyProblemsAndCountsAll) {
  ledger_.steps.clear();
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_EQ(verdict.problems_size(), 20);
  EXPECT_EQ(verdict.wrong_step_count(), Schedule().step_count());
  EXPECT_GT(verdict.wrong_step_count(), 20);
}

// With drop_last each epoch leaves other samples out: the touches that are due
// are the rows of the whole batches.
TEST_F(LedgerTest, PassesDropLastByItsWholeBatches) {
  ledger_.plan.set_drop_last(true);
  ledger_.plan.set_step_count(Schedule().step_count());
  ledger_.steps.clear();
  TrainAll(1);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.due_count(), ledger_.plan.step_count() * kBatch);
}

TEST_F(LedgerTest, PassesAPhaseWithoutATrainableSample) {
  PhaseLedger empty;
  EXPECT_TRUE(VerifyPhase(empty).ok());
  EXPECT_EQ(VerifyPhase(empty).step_count(), 0);
}

TEST_F(LedgerTest, GivesUpBetweenSteps) {
  int asked = 0;
  const v1::LedgerVerdict verdict =
      VerifyPhase(ledger_, [&] { return ++asked == 2; });
  EXPECT_EQ(asked, 2);
  EXPECT_GT(verdict.trained_count(), 0);
  EXPECT_LT(verdict.trained_count(), verdict.due_count());
}

}  // namespace
}  // namespace keel
