// Recall and drift after each phase.
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/phase_fixture.h"

namespace keel::testing {
namespace {

using ::testing::ElementsAre;

class PhaseMeasuresTest : public PhaseFixture {};

TEST_F(PhaseMeasuresTest, MeasuresEveryPhaseOnAllProbeSets) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  SubmitShard("s", "held-out", /*probe_only=*/true);
  SubmitShard("s", "x");
  SubmitShard("s", "y");
  Await("s", 2, v1::Phase::PUBLISHED);
  const v1::ListRecallsResponse recalls = Recalls("s");
  ASSERT_EQ(recalls.recalls_size(), 2);
  EXPECT_EQ(recalls.recalls(0).phase(), 1);
  EXPECT_EQ(recalls.recalls(1).phase(), 2);
  EXPECT_EQ(recalls.recalls(1).probe(), "held-out");
  EXPECT_EQ(recalls.recalls(1).sample_count(), 10);

  grpc::ClientContext context;
  v1::ListDriftsRequest request;
  request.set_stream("s");
  v1::ListDriftsResponse drifts;
  ASSERT_TRUE(stubs().phases->ListDrifts(&context, request, &drifts).ok());
  ASSERT_EQ(drifts.drifts_size(), 1);
  EXPECT_EQ(drifts.drifts(0).phase(), 2);
  EXPECT_EQ(drifts.drifts(0).reference_phase(), 1);
  EXPECT_EQ(drifts.drifts(0).reference(), "parent");
}

TEST_F(PhaseMeasuresTest, PublishesWithAProbeSetThatIsTooSmallForDrift) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  const std::string shard = MakeShard(1, "lonely");
  v1::SubmitChunkHeader header = HeaderOf("s", shard);
  header.set_probe_only(true);
  ASSERT_TRUE(Submit(*stubs().streams, header, shard).status.ok());
  SubmitShard("s", "x");
  SubmitShard("s", "y");
  Await("s", 2, v1::Phase::PUBLISHED);
  const v1::ListRecallsResponse recalls = Recalls("s");
  ASSERT_EQ(recalls.recalls_size(), 2);
  EXPECT_EQ(recalls.recalls(1).sample_count(), 1);
}

TEST_F(PhaseMeasuresTest, HoldsDriftAgainstTheOriginOfAProbeSet) {
  CreateSmallStream("s", /*fraction=*/0.5);
  auto worker = StartWorker();
  const std::string exam = MakeShard(10, "exam");
  v1::SubmitChunkHeader header = HeaderOf("s", exam);
  header.set_display_name("exam.tar");
  header.set_probe_only(true);
  header.set_origin(1);
  ASSERT_TRUE(Submit(*stubs().streams, header, exam).status.ok());
  SubmitShard("s", "unknown", /*probe_only=*/true);
  for (const char* seed : {"x", "y", "z"}) SubmitShard("s", seed);
  const v1::Phase third = Await("s", 3, v1::Phase::PUBLISHED);
  EXPECT_EQ(
      third.accounting().planned_count() + third.accounting().probe_count(),
      third.accounting().accepted_count());
  grpc::ClientContext context;
  v1::ListDriftsRequest request;
  request.set_stream("s");
  v1::ListDriftsResponse drifts;
  ASSERT_TRUE(stubs().phases->ListDrifts(&context, request, &drifts).ok());
  std::map<std::string, int> origins;
  for (const v1::Drift& drift : drifts.drifts()) {
    if (drift.phase() == 3 && drift.reference() == "origin") {
      origins[drift.probe()] = drift.reference_phase();
    }
  }
  using Origin = std::pair<const std::string, int>;
  EXPECT_THAT(origins, ElementsAre(Origin("exam", 1), Origin("phase-1", 1)));
  const v1::ListRecallsResponse recalls = Recalls("s");
  for (const v1::Recall& recall : recalls.recalls()) {
    const auto origin = recall.has_origin() ? recall.origin() : -1;
    EXPECT_EQ(origin, recall.probe() == "exam"      ? 1
                      : recall.probe() == "unknown" ? -1
                      : recall.probe() == "phase-1" ? 1
                      : recall.probe() == "phase-2" ? 2
                                                    : 3)
        << recall.probe();
  }
}

}  // namespace
}  // namespace keel::testing
