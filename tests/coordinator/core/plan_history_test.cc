#include "coordinator/core/plan_history.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/plan/mix.h"
#include "coordinator/core/plan_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using storage::v1::PhasePlan;
using ::testing::ElementsAre;

// 64 digits, as a chunk's digest.
std::string DigestOf(uint64_t chunk) {
  std::string digest;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&digest, absl::Hex(Mix64(4 * chunk + i), absl::kZeroPad16));
  }
  return digest;
}

// A plan of phase `phase` with one chunk of `accepted` samples, of which
// ordinal 1 is held out and 2 over the cap.
PhasePlan PlanOf(int phase, int accepted, int replay_samples,
                 bool joint = false) {
  PhasePlan plan;
  plan.set_phase(phase);
  plan.set_seed(7);
  plan.set_epochs(2);
  plan.set_global_batch(10);
  plan.set_joint(joint);
  plan.set_replay_samples(replay_samples);
  plan.set_replay_per_batch(std::min(replay_samples, 4));
  storage::v1::PlannedChunk& chunk = *plan.add_chunks();
  chunk.set_chunk_digest(DigestOf(phase));
  chunk.set_index_digest(absl::StrCat("index ", phase));
  chunk.set_index_size_bytes(10 * phase);
  chunk.set_chunk_size_bytes(100 * phase);
  chunk.set_accepted_count(accepted);
  chunk.add_probe_ordinals(1);
  chunk.add_over_cap_ordinals(2);
  return plan;
}

// (chunk, ordinal) of each kept sample.
std::set<std::pair<std::string, int>> Kept(const PhasePlan& plan) {
  std::set<std::pair<std::string, int>> kept;
  for (const auto& chunk : plan.replay()) {
    for (int ordinal : chunk.ordinals()) {
      EXPECT_TRUE(kept.emplace(chunk.chunk_digest(), ordinal).second);
    }
  }
  return kept;
}

// The plans of phases 1 to `count`, each after the one before.
std::vector<PhasePlan> History(int count, int accepted, int replay_samples,
                               bool joint = false) {
  std::vector<PhasePlan> plans;
  for (int phase = 1; phase <= count; ++phase) {
    plans.push_back(WithHistory(PlanOf(phase, accepted, replay_samples, joint),
                                plans.empty() ? nullptr : &plans.back()));
  }
  return plans;
}

TEST(NeedsHistoryTest, IsForReplayAndJoint) {
  v1::MethodConfig method;
  method.set_name("modx");
  EXPECT_FALSE(NeedsHistory(method));
  method.mutable_replay()->set_samples(1);
  EXPECT_TRUE(NeedsHistory(method));
  method.clear_replay();
  method.set_name("joint");
  EXPECT_TRUE(NeedsHistory(method));
}

TEST(WithHistoryTest, TakesNothingWithoutAPreviousPhase) {
  const PhasePlan plan = WithHistory(PlanOf(1, 30, 8), nullptr);
  EXPECT_EQ(plan.previous_phase(), 0);
  EXPECT_EQ(ReplayCount(plan), 0);
  EXPECT_EQ(plan.sample_count(), 28);
  EXPECT_EQ(plan.step_count(), 2 * 3);
}

TEST(WithHistoryTest, KeepsAllWhileTheyAreFewerThanTheReservoirHolds) {
  const auto plans = History(3, 6, 100);
  const PhasePlan& third = plans[2];
  EXPECT_EQ(third.previous_phase(), 2);
  ASSERT_EQ(third.replay_size(), 2);
  for (int i = 0; i < 2; ++i) {
    const storage::v1::ReplayedChunk& chunk = third.replay(i);
    EXPECT_EQ(chunk.chunk_digest(), DigestOf(i + 1));
    EXPECT_EQ(chunk.index_digest(), absl::StrCat("index ", i + 1));
    EXPECT_EQ(chunk.index_size_bytes(), 10 * (i + 1));
    EXPECT_EQ(chunk.chunk_size_bytes(), 100 * (i + 1));
    EXPECT_THAT(chunk.ordinals(), ElementsAre(0, 3, 4, 5));
  }
}

TEST(WithHistoryTest, PlansNoReplayedSampleTwice) {
  for (const PhasePlan& plan : History(4, 50, 16)) {
    EXPECT_EQ(plan.sample_count(), 48);
    EXPECT_EQ(ReplayCount(plan), plan.phase() == 1 ? 0 : 16);
    EXPECT_EQ(Kept(plan).size(), plan.phase() == 1 ? 0u : 16u);
    const auto schedule = ScheduleOf(plan);
    ASSERT_TRUE(schedule.ok());
    EXPECT_EQ(schedule->step_count(), plan.step_count());
    EXPECT_EQ(schedule->replay_per_step(), plan.phase() == 1 ? 0 : 4);
  }
}

TEST(WithHistoryTest, NeverKeepsWhatIsHeldOut) {
  for (const PhasePlan& plan : History(6, 20, 40)) {
    for (const auto& [chunk, ordinal] : Kept(plan)) {
      EXPECT_TRUE(ordinal != 1 && ordinal != 2) << chunk;
    }
  }
}

// What went out of the reservoir once does not come back, and what one draw
// from all samples would keep is what is kept.
TEST(WithHistoryTest, KeepsWhatOneDrawFromAllOfThemWould) {
  const auto plans = History(6, 40, 25);
  std::set<std::pair<std::string, int>> before;
  PhasePlan all = PlanOf(99, 1, 0);
  all.clear_chunks();
  for (const PhasePlan& plan : plans) {
    const auto kept = Kept(plan);
    for (const auto& sample : kept) {
      EXPECT_TRUE(before.contains(sample) ||
                  sample.first == DigestOf(plan.phase() - 1));
    }
    before = kept;
    if (plan.phase() < 6) all.mutable_chunks()->MergeFrom(plan.chunks());
  }
  EXPECT_EQ(Kept(WithHistory(PlanOf(6, 40, 25), &all)), Kept(plans.back()));
}

// Each of ten phases of 30 samples has a tenth of the reservoir; the standard
// deviation of a phase's count in 300 draws of 30 is below 30.
TEST(WithHistoryTest, ChoosesUniformlyOverThePhases) {
  std::map<std::string, int> counts;
  for (int seed = 0; seed < 300; ++seed) {
    PhasePlan previous = PlanOf(1, 0, 30);
    previous.clear_chunks();
    for (int chunk = 1; chunk <= 10; ++chunk) {
      *previous.add_chunks() = PlanOf(chunk, 32, 30).chunks(0);
    }
    PhasePlan plan = PlanOf(2, 10, 30);
    plan.set_seed(seed);
    for (const auto& [chunk, ordinal] : Kept(WithHistory(plan, &previous))) {
      ++counts[chunk];
    }
  }
  ASSERT_EQ(counts.size(), 10u);
  for (const auto& [chunk, count] : counts) EXPECT_NEAR(count, 900, 120);
}

TEST(WithHistoryTest, IsTheSameWhenItIsDoneAgain) {
  const auto plans = History(3, 40, 10);
  EXPECT_EQ(WithHistory(plans[2], &plans[1]).SerializeAsString(),
            plans[2].SerializeAsString());
  // Phase 2 was not published after all.
  const PhasePlan moved = WithHistory(plans[2], &plans[0]);
  EXPECT_EQ(moved.previous_phase(), 1);
  for (const auto& [chunk, ordinal] : Kept(moved)) {
    EXPECT_EQ(chunk, DigestOf(1));
  }
}

TEST(WithHistoryTest, JointPlansEarlierChunksBehindItsOwn) {
  const auto plans = History(3, 22, 0, /*joint=*/true);
  const PhasePlan& third = plans[2];
  EXPECT_EQ(third.sample_count(), 60);
  EXPECT_EQ(third.step_count(), 2 * 6);
  const auto chunks = PlannedChunks(third);
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[0]->chunk_digest(), DigestOf(3));
  EXPECT_EQ(chunks[1]->chunk_digest(), DigestOf(1));
  EXPECT_EQ(chunks[2]->chunk_digest(), DigestOf(2));
  EXPECT_THAT(chunks[1]->probe_ordinals(), ElementsAre(1));
  EXPECT_EQ(third.replay_size(), 0);
}

// Twenty samples of its own, and two phases of as many, against 50 in a batch.
TEST(WithHistoryTest, JointFillsABatchWithEarlierChunks) {
  const auto plans = History(2, 22, 0, /*joint=*/true);
  PhasePlan plan = PlanOf(3, 22, 0, /*joint=*/true);
  plan.set_global_batch(50);
  plan.set_drop_last(true);
  EXPECT_EQ(WithHistory(plan, nullptr).step_count(), 0);
  EXPECT_EQ(WithHistory(plan, &plans[0]).step_count(), 0);
  EXPECT_EQ(WithHistory(plan, &plans[1]).step_count(), 2);
}

}  // namespace
}  // namespace keel
