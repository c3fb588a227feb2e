#include "coordinator/core/ledger.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/accounting_hash.h"
#include "common/plan/mix.h"
#include "common/plan/phase_schedule.h"
#include "coordinator/core/plan_builder.h"
#include "coordinator/core/plan_history.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

constexpr int kEpochs = 3;
constexpr int kSamples = 100;
constexpr int kBatch = 8;

// A phase of two chunks that was trained as planned in one generation.
class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    v1::Stream stream;
    stream.mutable_config()->mutable_probe()->set_fraction(0.1);
    stream.mutable_config()->mutable_probe()->set_max_per_phase(5);
    v1::TrainConfig* train = stream.mutable_config()->mutable_train();
    train->set_seed(11);
    train->set_epochs(kEpochs);
    train->set_global_batch(kBatch);
    Build(stream);
    AddGeneration(1, 0, 0);
    TrainAll(1);
    ledger_.final_generation = 1;
  }

  void Build(const v1::Stream& stream) {
    std::vector<IndexedChunkRef> chunks(2);
    for (int i = 0; i < kSamples; ++i) {
      storage::v1::SampleIndex* sample = chunks[i % 2].index.add_samples();
      sample->set_image_digest(absl::StrCat("image-digest-", 100 + i));
      for (int c = 0; c < 1 + i % 3; ++c) {
        sample->add_captions()->set_digest(
            absl::StrCat("caption-", 100 + i, "-of-", c, "..."));
      }
    }
    const BuiltPlan built = BuildPlan(stream, 2, chunks);
    ledger_.plan = built.plan;
    ledger_.accounting = built.accounting;
    for (const IndexedChunkRef& chunk : chunks) {
      ledger_.indexes.push_back(chunk.index);
    }
  }

  PhaseSchedule Schedule() const { return *ScheduleOf(ledger_.plan); }

  // Makes the phase the second: the first trained a chunk of 40 samples. Of
  // them `replayed` are replayed, three in each step; or all of them planned
  // again.
  void Follow(int replayed, bool joint = false) {
    storage::v1::PhasePlan& previous = ledger_.previous_plan.emplace();
    previous.set_phase(1);
    storage::v1::PlannedChunk& chunk = *previous.add_chunks();
    chunk.set_chunk_digest("first");
    chunk.set_accepted_count(40);
    chunk.add_probe_ordinals(7);
    storage::v1::ChunkIndex index;
    for (int i = 0; i < 40; ++i) {
      storage::v1::SampleIndex* sample = index.add_samples();
      sample->set_image_digest(absl::StrCat("first-digest-", 100 + i));
      sample->add_captions()->set_digest(absl::StrCat("first-", 100 + i));
      sample->add_captions()->set_digest(absl::StrCat("second-", 100 + i));
    }
    ledger_.plan.set_joint(joint);
    ledger_.plan.set_replay_samples(replayed);
    ledger_.plan.set_replay_per_batch(std::min(replayed, 3));
    ledger_.plan = WithHistory(ledger_.plan, &previous);
    if (joint) ledger_.indexes.push_back(index);
    for (const auto& kept : ledger_.plan.replay()) {
      for (int ordinal : kept.ordinals()) {
        ledger_.replayed.push_back(index.samples(ordinal));
      }
    }
    ledger_.accounting.set_earlier_count(joint ? 39 : 0);
    ledger_.accounting.set_replay_count(replayed);
    ledger_.steps.clear();
    TrainAll(1);
  }

  void AddGeneration(int64_t id, int64_t parent, int64_t start_step) {
    storage::v1::GenerationRecord record;
    record.set_generation(id);
    record.set_parent_generation(parent);
    record.set_start_step(start_step);
    record.set_attempt(1);
    ledger_.generations.push_back(record);
  }

  // The sample that a planned ordinal stands for.
  const storage::v1::SampleIndex& Sample(int64_t ordinal) const {
    const auto chunks = PlannedChunks(ledger_.plan);
    for (size_t i = 0; i < chunks.size(); ++i) {
      const std::vector<int> trained = TrainedOrdinals(*chunks[i]);
      const int64_t count = static_cast<int64_t>(trained.size());
      if (ordinal < count) return ledger_.indexes[i].samples(trained[ordinal]);
      ordinal -= count;
    }
    if (ordinal < std::ssize(ledger_.replayed)) {
      return ledger_.replayed[ordinal];
    }
    ADD_FAILURE() << "no such ordinal";
    return ledger_.indexes[0].samples(0);
  }

  // The hash of a row that was trained; `caption_shift` takes another caption.
  AccountingHash Row(int64_t step, int64_t sample,
                     int caption_shift = 0) const {
    const int epoch = Schedule().EpochOfStep(step);
    const storage::v1::SampleIndex& index = Sample(sample);
    const int captions = index.captions_size();
    const int caption = Schedule().CaptionOf(epoch, sample, captions);
    return HashRow(
        AccountingKey(ledger_.plan.seed(), ledger_.plan.phase()), epoch, sample,
        index.image_digest(),
        index.captions((caption + caption_shift) % captions).digest());
  }

  storage::v1::StepRecord Train(int64_t generation, int64_t step) const {
    storage::v1::StepRecord record;
    record.set_generation(generation);
    record.set_step(step);
    AccountingHash sum;
    for (int64_t sample : Schedule().SamplesOfStep(step)) {
      sum += Row(step, sample);
      record.set_sample_count(record.sample_count() + 1);
    }
    SetHash(record, sum);
    return record;
  }

  void TrainAll(int64_t generation, int64_t first = 0, int64_t end = 1 << 20) {
    end = std::min(end, Schedule().step_count());
    for (int64_t step = first; step < end; ++step) {
      ledger_.steps.push_back(Train(generation, step));
    }
  }

  static AccountingHash HashOf(const storage::v1::StepRecord& record) {
    return {record.hash_low(), record.hash_high()};
  }
  static void SetHash(storage::v1::StepRecord& record, AccountingHash hash) {
    record.set_hash_low(hash.low);
    record.set_hash_high(hash.high);
  }
  static void Subtract(storage::v1::StepRecord& record, AccountingHash row) {
    record.set_hash_low(record.hash_low() - row.low);
    record.set_hash_high(record.hash_high() - row.high);
  }

  // Takes a sample out of a recorded step as a worker would that could not
  // decode it.
  void Strike(int64_t step, int64_t sample) {
    storage::v1::StepRecord& record = ledger_.steps[step];
    Subtract(record, Row(step, sample));
    record.set_sample_count(record.sample_count() - 1);
    storage::v1::StepRecord::Struck* struck = record.add_struck();
    struck->set_sample(sample);
    struck->set_reason("IMAGE_DECODE");
  }

  void ExpectProblem(const std::string& text, int64_t wrong_steps) {
    const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
    EXPECT_FALSE(verdict.ok());
    ASSERT_GT(verdict.problems_size(), 0);
    EXPECT_THAT(verdict.problems(0), HasSubstr(text));
    EXPECT_EQ(verdict.wrong_step_count(), wrong_steps);
  }

  PhaseLedger ledger_;
};

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

TEST_F(LedgerTest, PassesAPhaseThatReplaysAndCountsItApart) {
  const int64_t due = ledger_.plan.sample_count() * kEpochs;
  Follow(10);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.due_count(), due);
  EXPECT_EQ(verdict.trained_count(), due);
  EXPECT_EQ(verdict.replay_due_count(), Schedule().step_count() * 3);
  EXPECT_EQ(verdict.replayed_count(), verdict.replay_due_count());
}

TEST_F(LedgerTest, CatchesAReplayedSampleThatIsNotTheOneDue) {
  Follow(10);
  std::swap(ledger_.replayed[0], ledger_.replayed[1]);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_FALSE(verdict.ok());
  EXPECT_GT(verdict.wrong_step_count(), Schedule().step_count() / 3);
}

TEST_F(LedgerTest, CatchesAStepThatReplayedNothing) {
  Follow(10);
  Strike(4, Schedule().SamplesOfStep(4).back());
  ledger_.steps[4].clear_struck();
  ExpectProblem("step 4: ", 1);
}

TEST_F(LedgerTest, CountsStruckSamplesThatAreReplayed) {
  Follow(10);
  Strike(4, Schedule().SamplesOfStep(4).back());
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.struck_count(), 1);
  EXPECT_EQ(verdict.replayed_count(), verdict.replay_due_count() - 1);
  EXPECT_EQ(verdict.trained_count(), verdict.due_count());
  EXPECT_EQ(verdict.accounting().struck_by_reason().at("IMAGE_DECODE"), 1);
}

TEST_F(LedgerTest, CatchesAReservoirThatWasChosenOtherwise) {
  Follow(10);
  auto* ordinals = ledger_.plan.mutable_replay(0)->mutable_ordinals();
  // Held out by the first phase.
  ordinals->Set(0, 7);
  ExpectProblem("plan: it follows from phase 1", 0);
}

TEST_F(LedgerTest, CatchesAPlanThatFollowsFromAnotherPhase) {
  Follow(10);
  ledger_.previous_plan->set_phase(3);
  ExpectProblem("plan: it follows from phase 1, and not from 3", 0);
  ledger_.previous_plan.reset();
  ExpectProblem("plan: it follows from phase 1, and not from 0", 0);
}

TEST_F(LedgerTest, CatchesAReplayedSampleThatIsMissing) {
  Follow(10);
  ledger_.replayed.pop_back();
  ExpectProblem("plan: 10 samples to replay", 0);
}

TEST_F(LedgerTest, ProvesAllSamplesOfAJointPhase) {
  const int64_t own = ledger_.plan.sample_count();
  Follow(0, /*joint=*/true);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.sample_count(), own + 39);
  EXPECT_EQ(verdict.due_count(), (own + 39) * kEpochs);
  EXPECT_EQ(verdict.trained_count(), verdict.due_count());
  ledger_.plan.mutable_earlier_chunks()->Clear();
  EXPECT_FALSE(VerifyPhase(ledger_).ok());
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
