// The records of a phase, for tests of the ledger to spoil.
#ifndef KEEL_TESTS_COORDINATOR_CORE_LEDGER_HARNESS_H_
#define KEEL_TESTS_COORDINATOR_CORE_LEDGER_HARNESS_H_

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/plan/accounting_hash.h"
#include "common/plan/phase_schedule.h"
#include "coordinator/core/ledger.h"
#include "coordinator/core/plan_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel::testing {

// A phase of two chunks that was trained as planned in one generation.
class LedgerHarness : public ::testing::Test {
 protected:
  static constexpr int kEpochs = 3;
  static constexpr int kSamples = 100;
  static constexpr int kBatch = 8;

  LedgerHarness() {
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
    EXPECT_THAT(verdict.problems(0), ::testing::HasSubstr(text));
    EXPECT_EQ(verdict.wrong_step_count(), wrong_steps);
  }

  PhaseLedger ledger_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_CORE_LEDGER_HARNESS_H_
