#include "coordinator/core/plan_builder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/plan/mix.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

// 16 bytes that look like a digest.
std::string Digest(uint64_t seed) {
  std::string bytes;
  for (uint64_t word : {Mix64(seed), Mix64(seed + 1'000'000)}) {
    for (int i = 0; i < 8; ++i)
      bytes.push_back(static_cast<char>(word >> (8 * i)));
  }
  return bytes;
}

IndexedChunkRef ChunkOf(const std::string& name, int samples, int first = 0) {
  IndexedChunkRef chunk;
  chunk.record.mutable_chunk()->set_digest(name);
  chunk.record.mutable_chunk()->set_size_bytes(1000);
  chunk.record.set_index_digest(name + "-index");
  chunk.record.set_index_size_bytes(77);
  for (int i = 0; i < samples; ++i) {
    chunk.index.add_samples()->set_image_digest(Digest(first + i));
  }
  return chunk;
}

v1::Stream StreamOf(double fraction, int cap, bool drop_last = false) {
  v1::Stream stream;
  stream.set_uid("uid");
  stream.mutable_config()->mutable_probe()->set_fraction(fraction);
  stream.mutable_config()->mutable_probe()->set_max_per_phase(cap);
  v1::TrainConfig* train = stream.mutable_config()->mutable_train();
  train->set_seed(7);
  train->set_epochs(3);
  train->set_global_batch(64);
  train->set_drop_last(drop_last);
  return stream;
}

int64_t Parts(const v1::Accounting& a) {
  return a.planned_count() + a.probe_count() + a.over_probe_cap_count() +
         a.dropped_count();
}

TEST(IsProbeTest, ChoosesNearlyTheAskedFraction) {
  int chosen = 0;
  for (int i = 0; i < 20000; ++i) chosen += IsProbe(Digest(i), 0.05);
  EXPECT_NEAR(chosen, 1000, 150);
}

TEST(IsProbeTest, ChoosesNoneAtZeroAndAllAtOne) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(IsProbe(Digest(i), 0.0));
    EXPECT_TRUE(IsProbe(Digest(i), 1.0));
  }
}

TEST(IsProbeTest, KeepsItsChoiceWhenTheFractionGrows) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_LE(IsProbe(Digest(i), 0.1), IsProbe(Digest(i), 0.2));
  }
}

TEST(BuildPlanTest, AccountsForEverySample) {
  const BuiltPlan built = BuildPlan(
      StreamOf(0.2, 30), 4, {ChunkOf("a", 300), ChunkOf("b", 200, 300)});
  EXPECT_EQ(built.accounting.accepted_count(), 500);
  EXPECT_EQ(Parts(built.accounting), 500);
  EXPECT_EQ(built.accounting.probe_count(), 30);
  EXPECT_GT(built.accounting.over_probe_cap_count(), 30);
  EXPECT_EQ(built.plan.sample_count(), built.accounting.planned_count());
  EXPECT_EQ(built.plan.step_count(),
            3 * ((built.plan.sample_count() + 63) / 64));
}

TEST(BuildPlanTest, CapsTheProbeInTheOrderOfTheChunks) {
  const BuiltPlan built = BuildPlan(
      StreamOf(1.0, 120), 1, {ChunkOf("a", 100), ChunkOf("b", 100, 100)});
  EXPECT_EQ(built.plan.chunks(0).probe_ordinals_size(), 100);
  EXPECT_EQ(built.plan.chunks(1).probe_ordinals_size(), 20);
  EXPECT_EQ(built.plan.chunks(1).over_cap_ordinals(0), 20);
  EXPECT_EQ(built.plan.sample_count(), 0);
  EXPECT_EQ(built.plan.step_count(), 0);
}

TEST(BuildPlanTest, PutsAnImageThatCameTwiceOnOneSide) {
  const BuiltPlan built =
      BuildPlan(StreamOf(0.3, 1000), 1, {ChunkOf("a", 200), ChunkOf("b", 200)});
  const auto& first = built.plan.chunks(0).probe_ordinals();
  const auto& second = built.plan.chunks(1).probe_ordinals();
  EXPECT_EQ(std::vector<int>(first.begin(), first.end()),
            std::vector<int>(second.begin(), second.end()));
}

TEST(BuildPlanTest, NamesChunksAndIndexes) {
  const BuiltPlan built = BuildPlan(StreamOf(0, 0), 2, {ChunkOf("a", 10)});
  const storage::v1::PlannedChunk& chunk = built.plan.chunks(0);
  EXPECT_EQ(chunk.chunk_digest(), "a");
  EXPECT_EQ(chunk.index_digest(), "a-index");
  EXPECT_EQ(chunk.chunk_size_bytes(), 1000);
  EXPECT_EQ(chunk.index_size_bytes(), 77);
  EXPECT_EQ(chunk.accepted_count(), 10);
  EXPECT_EQ(built.plan.stream_uid(), "uid");
  EXPECT_EQ(built.plan.phase(), 2);
  EXPECT_EQ(built.plan.seed(), 7);
}

TEST(BuildPlanTest, CarriesWhatTheMethodTakesFromEarlierPhases) {
  v1::Stream stream = StreamOf(0, 0);
  v1::MethodConfig& method = *stream.mutable_config()->mutable_method();
  method.mutable_replay()->set_samples(9);
  method.mutable_replay()->set_per_batch(4);
  const storage::v1::PhasePlan plan =
      BuildPlan(stream, 2, {ChunkOf("a", 10)}).plan;
  EXPECT_EQ(plan.replay_samples(), 9);
  EXPECT_EQ(plan.replay_per_batch(), 4);
  EXPECT_FALSE(plan.joint());
  method.set_name("joint");
  EXPECT_TRUE(BuildPlan(stream, 2, {ChunkOf("a", 10)}).plan.joint());
}

TEST(BuildPlanTest, DropsNoSampleWithDropLast) {
  const BuiltPlan built =
      BuildPlan(StreamOf(0, 0, /*drop_last=*/true), 1, {ChunkOf("a", 130)});
  EXPECT_EQ(built.plan.sample_count(), 130);
  EXPECT_EQ(built.plan.step_count(), 3 * 2);
  EXPECT_EQ(built.accounting.dropped_count(), 0);
}

TEST(BuildPlanTest, PlansNoStepWhenDropLastLeavesNoWholeBatch) {
  const BuiltPlan built =
      BuildPlan(StreamOf(0, 0, /*drop_last=*/true), 1, {ChunkOf("a", 63)});
  EXPECT_EQ(built.plan.step_count(), 0);
  EXPECT_EQ(built.plan.sample_count(), 63);
  EXPECT_EQ(built.accounting.planned_count(), 63);
  EXPECT_EQ(Parts(built.accounting), 63);
}

TEST(TrainedOrdinalsTest, LeavesOutBothLists) {
  storage::v1::PlannedChunk chunk;
  chunk.set_accepted_count(7);
  chunk.add_probe_ordinals(0);
  chunk.add_probe_ordinals(4);
  chunk.add_over_cap_ordinals(6);
  EXPECT_EQ(TrainedOrdinals(chunk), (std::vector<int>{1, 2, 3, 5}));
}

}  // namespace
}  // namespace keel
