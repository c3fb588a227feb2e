#include "coordinator/services/ledger_reader.h"

#include <limits>
#include <string>
#include <vector>

#include "coordinator/store/table_names.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

constexpr int64_t kOpen = std::numeric_limits<int64_t>::max();

class LedgerReaderTest : public PartsFixture {
 protected:
  // Steps [begin, end) of a generation.
  void PutSteps(int64_t generation, int64_t begin, int64_t end) {
    WriteBatch batch;
    for (int64_t step = begin; step < end; ++step) {
      storage::v1::StepRecord record;
      record.set_generation(generation);
      record.set_step(step);
      batch.Put(table::kSteps, StepKey(generation, step),
                record.SerializeAsString());
    }
    ASSERT_TRUE(store_.Commit(batch).ok());
  }
  // The generations that step 0, 1, ... are read from; at most `limit`.
  std::vector<int64_t> Generations(const std::vector<LineageSegment>& lineage,
                                   int64_t begin, size_t limit) {
    std::vector<int64_t> generations;
    EXPECT_TRUE(VisitSteps(store_, lineage, begin, [&](const auto& step) {
                  EXPECT_EQ(step.step(), begin + std::ssize(generations));
                  generations.push_back(step.generation());
                  return generations.size() < limit;
                }).ok());
    return generations;
  }
};

TEST_F(LedgerReaderTest, GoesThroughALineageOfManyReads) {
  PutSteps(1, 0, 2600);  // behind 2500 they count no more
  PutSteps(2, 2500, 4000);
  const auto generations =
      Generations({{1, {0, 2500}}, {2, {2500, kOpen}}}, 0, 10'000);
  ASSERT_EQ(generations.size(), 4000);
  EXPECT_EQ(generations[2499], 1);
  EXPECT_EQ(generations[2500], 2);
}

TEST_F(LedgerReaderTest, ReadsNoMoreThanWhatIsAskedFor) {
  PutSteps(1, 0, 5000);
  int scans = 0;
  store_.SetScanHook([&](std::string_view) { ++scans; });
  EXPECT_EQ(Generations({{1, {0, kOpen}}}, 4100, 3).size(), 3);
  EXPECT_EQ(scans, 1);
}

TEST_F(LedgerReaderTest, NamesAStepThatIsDamaged) {
  WriteBatch damage;
  damage.Put(table::kSteps, StepKey(1, 0), "\xff");
  ASSERT_TRUE(store_.Commit(damage).ok());
  const absl::Status status = VisitSteps(store_, {{1, {0, kOpen}}}, 0,
                                         [](const auto&) { return true; });
  EXPECT_TRUE(absl::IsDataLoss(status));
}

TEST_F(LedgerReaderTest, StopsToVerifyWhenNobodyWaits) {
  MakePhase();
  const auto sink = AttachAndTrain("w");
  const v1::JoinGroup join = sink->messages.back().join_group();
  ReportSteps("w", join.generation(), 4);
  ASSERT_TRUE(AcceptResult(join, 4).ok());
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(VerifyLedger(*cluster_, "s", 1)->front().step_count(), 4);
  EXPECT_TRUE(absl::IsCancelled(
      VerifyLedger(*cluster_, "s", 1, [] { return true; }).status()));
}

}  // namespace
}  // namespace keel::testing
