// The ledger of phases that train samples of earlier ones.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/core/ledger.h"
#include "coordinator/core/plan_history.h"
#include "tests/coordinator/core/ledger_harness.h"

namespace keel {
namespace {

class LedgerHistoryTest : public testing::LedgerHarness {
 protected:
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
};

TEST_F(LedgerHistoryTest, PassesAPhaseThatReplaysAndCountsItApart) {
  const int64_t due = ledger_.plan.sample_count() * kEpochs;
  Follow(10);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.due_count(), due);
  EXPECT_EQ(verdict.trained_count(), due);
  EXPECT_EQ(verdict.replay_due_count(), Schedule().step_count() * 3);
  EXPECT_EQ(verdict.replayed_count(), verdict.replay_due_count());
}

TEST_F(LedgerHistoryTest, CatchesAReplayedSampleThatIsNotTheOneDue) {
  Follow(10);
  std::swap(ledger_.replayed[0], ledger_.replayed[1]);
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_FALSE(verdict.ok());
  EXPECT_GT(verdict.wrong_step_count(), Schedule().step_count() / 3);
}

TEST_F(LedgerHistoryTest, CatchesAStepThatReplayedNothing) {
  Follow(10);
  Strike(4, Schedule().SamplesOfStep(4).back());
  ledger_.steps[4].clear_struck();
  ExpectProblem("step 4: ", 1);
}

TEST_F(LedgerHistoryTest, CountsStruckSamplesThatAreReplayed) {
  Follow(10);
  Strike(4, Schedule().SamplesOfStep(4).back());
  const v1::LedgerVerdict verdict = VerifyPhase(ledger_);
  EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
  EXPECT_EQ(verdict.struck_count(), 1);
  EXPECT_EQ(verdict.replayed_count(), verdict.replay_due_count() - 1);
  EXPECT_EQ(verdict.trained_count(), verdict.due_count());
  EXPECT_EQ(verdict.accounting().struck_by_reason().at("IMAGE_DECODE"), 1);
}

TEST_F(LedgerHistoryTest, CatchesAReservoirThatWasChosenOtherwise) {
  Follow(10);
  auto* ordinals = ledger_.plan.mutable_replay(0)->mutable_ordinals();
  // Held out by the first phase.
  ordinals->Set(0, 7);
  ExpectProblem("plan: it follows from phase 1", 0);
}

TEST_F(LedgerHistoryTest, CatchesAPlanThatFollowsFromAnotherPhase) {
  Follow(10);
  ledger_.previous_plan->set_phase(3);
  ExpectProblem("plan: it follows from phase 1, and not from 3", 0);
  ledger_.previous_plan.reset();
  ExpectProblem("plan: it follows from phase 1, and not from 0", 0);
}

TEST_F(LedgerHistoryTest, CatchesAReplayedSampleThatIsMissing) {
  Follow(10);
  ledger_.replayed.pop_back();
  ExpectProblem("plan: 10 samples to replay", 0);
}

TEST_F(LedgerHistoryTest, ProvesAllSamplesOfAJointPhase) {
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

}  // namespace
}  // namespace keel
