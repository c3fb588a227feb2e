#include "coordinator/services/controller.h"

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "common/sha256.h"
#include "coordinator/store/table_names.h"
#include "gmock/gmock.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

using ::testing::HasSubstr;

class ControllerTest : public PartsFixture {
 protected:
  // Trains phase 1 of stream s: its result is there.
  v1::JoinGroup TrainPhase() {
    MakePhase();
    const auto sink = AttachAndTrain("w");
    const v1::JoinGroup join = sink->messages.back().join_group();
    ReportSteps("w", join.generation(), 4);
    EXPECT_TRUE(AcceptResult(join, 4).ok());
    return join;
  }
  bool HasPhase(const std::string& stream) {
    auto state = cluster_->Lock();
    return state->FindPhase(stream, 1).ok();
  }
  std::unique_ptr<BlobWriter> Begin(const std::string& digest) {
    auto writer = blobs_.OpenWriter(digest, false).value();
    EXPECT_TRUE(writer->Append("a part").ok());
    return writer;
  }
};

TEST_F(ControllerTest, EvaluatesAPhaseThatIsTrained) {
  TrainPhase();
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(PhaseOf("s").phase().state(), v1::Phase::EVALUATING);
}

TEST_F(ControllerTest, ADamagedStepFailsItsPhase) {
  const v1::JoinGroup join = TrainPhase();
  WriteBatch damage;
  damage.Put(table::kSteps, StepKey(join.generation(), 2), "\xff");
  ASSERT_TRUE(store_.Commit(damage).ok());
  EXPECT_TRUE(parts_->controller.Tick());
  const v1::Phase phase = PhaseOf("s").phase();
  EXPECT_EQ(phase.state(), v1::Phase::FAILED);
  EXPECT_THAT(phase.reason(), HasSubstr("of the ledger is damaged"));
}

TEST_F(ControllerTest, ReadsTheLedgerWithoutTheLock) {
  TrainPhase();
  std::vector<std::future<void>> lockers;
  store_.SetScanHook([&](std::string_view) {
    lockers.push_back(
        std::async(std::launch::async, [this] { cluster_->Lock(); }));
    EXPECT_EQ(lockers.back().wait_for(std::chrono::seconds(20)),
              std::future_status::ready);
  });
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_FALSE(lockers.empty());
}

TEST_F(ControllerTest, AnActionThatFailedWaitsAndHoldsUpNoOther) {
  Submit("bad");
  int tries = 0;
  store_.SetCommitHook([&](const WriteBatch& batch) {
    for (const auto& change : batch.changes()) {
      if (change.table == table::kPhases && change.key.starts_with("bad/")) {
        ++tries;
        return absl::ResourceExhaustedError("full");
      }
    }
    return absl::OkStatus();
  });
  EXPECT_FALSE(parts_->controller.Tick());
  Submit("good");
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_TRUE(HasPhase("good"));
  EXPECT_EQ(tries, 1);
  store_.SetCommitHook(nullptr);
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_FALSE(HasPhase("bad"));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(parts_->controller.Tick());
  EXPECT_TRUE(HasPhase("bad"));
}

TEST_F(ControllerTest, AChunkBecomesNoPhaseBeforeAnEarlierOne) {
  Submit("s");
  SubmitChunk("s", "later");
  bool failed = false;
  store_.SetCommitHook([&](const WriteBatch& batch) {
    for (const auto& change : batch.changes()) {
      if (change.table == table::kPhases && !std::exchange(failed, true)) {
        return absl::ResourceExhaustedError("full");
      }
    }
    return absl::OkStatus();
  });
  EXPECT_FALSE(parts_->controller.Tick());
  EXPECT_TRUE(failed);
  EXPECT_FALSE(HasPhase("s"));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(parts_->controller.Tick());
  auto state = cluster_->Lock();
  EXPECT_TRUE(state->FindPhase("s", 2).ok());
}

// The store's fake takes every unfinished upload for an old one.
TEST_F(ControllerTest, RemovesOldUnfinishedUploadsEachHour) {
  ASSERT_TRUE(parts_->controller.Tick());
  const std::string left = Sha256Hex("left"), open = Sha256Hex("open");
  Begin(left);
  const auto writer = Begin(open);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_GT(blobs_.PartialSize(left), 0);
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(blobs_.PartialSize(left), 0);
  EXPECT_GT(blobs_.PartialSize(open), 0);
}

}  // namespace
}  // namespace keel::testing
