// Phases that train samples of earlier ones: replay and method joint.
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "common/file_system.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/phase_fixture.h"

namespace keel::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class PhaseHistoryTest : public PhaseFixture {
 protected:
  // Ten samples a chunk, two epochs of batches of four: six steps a phase.
  void CreateReplaying(int samples, int per_batch) {
    v1::StreamConfig config = SmallConfig();
    config.mutable_method()->mutable_replay()->set_samples(samples);
    config.mutable_method()->mutable_replay()->set_per_batch(per_batch);
    ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  }
  void CreateJoint() {
    v1::StreamConfig config = SmallConfig();
    config.mutable_method()->set_name("joint");
    ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  }
  // The plan that `worker` was told last.
  storage::v1::PhasePlan PlanOf(FakeWorker& worker) {
    storage::v1::PhasePlan plan;
    plan.ParseFromString(
        ReadBlob(*stubs().workers, worker.view().join.plan().digest()));
    return plan;
  }
  void Expect(int phase, int64_t due, int64_t replayed) {
    const v1::LedgerVerdict verdict = Verify("s", phase);
    EXPECT_TRUE(verdict.ok()) << verdict.DebugString();
    EXPECT_EQ(verdict.due_count(), due);
    EXPECT_EQ(verdict.trained_count(), due);
    EXPECT_EQ(verdict.replay_due_count(), replayed);
    EXPECT_EQ(verdict.replayed_count(), replayed);
  }
  // Digests of the stored plans that train the chunk.
  std::set<std::string> PlansOf(const std::string& chunk_digest) {
    const std::string root = JoinPath(options_.state_dir, "blobs");
    std::set<std::string> plans;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file()) continue;
      storage::v1::PhasePlan plan;
      if (plan.ParseFromString(ReadFile(entry.path()).value()) &&
          plan.chunks_size() == 1 &&
          plan.chunks(0).chunk_digest() == chunk_digest) {
        plans.insert(entry.path().filename());
      }
    }
    return plans;
  }
  // Makes phase 2 while 1 trains; both are there.
  std::unique_ptr<FakeWorker> StartWithTwoPhases() {
    auto worker = StartWorker({.hold_at = 3, .upload_initial = true});
    SubmitShard("s", "one");
    Await("s", 1, v1::Phase::TRAINING);
    SubmitShard("s", "two");
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (GetStream("s").last_phase() < 2 && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    EXPECT_EQ(GetStream("s").last_phase(), 2);
    return worker;
  }
};

// A copy of the records that was made before it was completed names it still.
TEST_F(PhaseHistoryTest, KeepsThePlanBeforeUntilTheNextStart) {
  CreateReplaying(6, 2);
  auto worker = StartWithTwoPhases();
  worker->Release();
  const std::string chunk =
      Await("s", 2, v1::Phase::PUBLISHED).chunk_digests(0);
  EXPECT_EQ(PlansOf(chunk).size(), 2u);
  const std::string used = worker->view().join.plan().digest();
  worker = nullptr;
  StopServer();
  StartServer();
  EXPECT_EQ(PlansOf(chunk), std::set<std::string>{used});
}

TEST_F(PhaseHistoryTest, ReplaysWhatPublishedPhasesTrained) {
  CreateReplaying(6, 2);
  auto worker = StartWithTwoPhases();
  worker->Release();
  const v1::Phase second = Await("s", 2, v1::Phase::PUBLISHED);
  EXPECT_EQ(second.accounting().replay_count(), 6);
  EXPECT_EQ(second.accounting().accepted_count(), 10);
  EXPECT_EQ(second.sample_count(), 10);
  EXPECT_EQ(second.parent(), 1);
  const storage::v1::PhasePlan plan = PlanOf(*worker);
  EXPECT_EQ(plan.previous_phase(), 1);
  ASSERT_EQ(plan.replay_size(), 1);
  Expect(1, 20, 0);
  Expect(2, 20, 6 * 2);

  SubmitShard("s", "three");
  Await("s", 3, v1::Phase::PUBLISHED);
  EXPECT_EQ(PlanOf(*worker).previous_phase(), 2);
  Expect(3, 20, 6 * 2);
}

TEST_F(PhaseHistoryTest, LeavesOutPhasesThatWereNotPublished) {
  CreateReplaying(100, 2);
  auto worker = StartWithTwoPhases();
  v1::Phase phase;
  ASSERT_TRUE(Order<v1::CancelPhaseRequest>(
                  &v1::PhaseService::Stub::CancelPhase, 1, &phase)
                  .ok());
  const v1::Phase second = Await("s", 2, v1::Phase::TRAINING);
  EXPECT_EQ(second.parent(), -1);
  EXPECT_EQ(second.accounting().replay_count(), 0);
  worker->Release();
  Await("s", 2, v1::Phase::PUBLISHED);
  Expect(2, 20, 0);
  SubmitShard("s", "three");
  const v1::Phase third = Await("s", 3, v1::Phase::PUBLISHED);
  EXPECT_EQ(third.accounting().replay_count(), 10);
  EXPECT_EQ(PlanOf(*worker).replay_size(), 1);
  Expect(3, 20, 6 * 2);
}

TEST_F(PhaseHistoryTest, GoesOnAfterARestart) {
  CreateReplaying(6, 2);
  auto worker = StartWithTwoPhases();
  worker->Release();
  Await("s", 2, v1::Phase::PUBLISHED);
  worker.reset();
  StopServer();
  StartServer();
  Expect(2, 20, 6 * 2);
  worker = StartWorker({.incarnation = 2});
  SubmitShard("s", "three");
  Await("s", 3, v1::Phase::PUBLISHED);
  Expect(3, 20, 6 * 2);
}

TEST_F(PhaseHistoryTest, HoldsReplayedSamplesAgainstTheLimitToo) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_method()->mutable_replay()->set_samples(10);
  config.mutable_method()->mutable_replay()->set_per_batch(10);
  config.mutable_limits()->set_max_struck_fraction(0.04);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  // Sample 12 is a replayed one: it is in each step of phase 2.
  auto worker = StartWorker({.struck_by_epoch = {12, 12}});
  SubmitShard("s", "one");
  Await("s", 1, v1::Phase::PUBLISHED);
  SubmitShard("s", "two");
  EXPECT_THAT(Await("s", 2, v1::Phase::FAILED).reason(),
              StartsWith("1 of 20 samples could not be decoded"));
}

TEST_F(PhaseHistoryTest, JointPlansAllSamplesFromTheStart) {
  CreateJoint();
  auto worker = StartWithTwoPhases();
  EXPECT_EQ(worker->view().join.parent(), -1);
  worker->Release();
  const v1::Phase second = Await("s", 2, v1::Phase::PUBLISHED);
  EXPECT_EQ(second.parent(), 0);
  EXPECT_EQ(second.sample_count(), 20);
  EXPECT_EQ(second.step_count(), 2 * 5);
  EXPECT_EQ(second.chunk_digests_size(), 1);
  EXPECT_EQ(second.accounting().accepted_count(), 10);
  EXPECT_EQ(second.accounting().planned_count(), 10);
  EXPECT_EQ(second.accounting().earlier_count(), 10);
  EXPECT_EQ(PlanOf(*worker).earlier_chunks_size(), 1);
  EXPECT_GT(worker->view().join.parent_files_size(), 0);
  Expect(2, 40, 0);

  SubmitShard("s", "three");
  const v1::Phase third = Await("s", 3, v1::Phase::PUBLISHED);
  EXPECT_EQ(third.parent(), 0);
  EXPECT_EQ(third.accounting().earlier_count(), 20);
  Expect(3, 60, 0);
}

TEST_F(PhaseHistoryTest, JointFillsABatchWithSamplesOfEarlierPhases) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_method()->set_name("joint");
  config.mutable_train()->set_global_batch(16);
  config.mutable_train()->set_drop_last(true);
  config.mutable_phase()->set_policy(v1::PhaseConfig::MANUAL);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  const auto close = [this] {
    v1::ClosePhaseRequest request;
    request.set_stream("s");
    v1::Phase phase;
    grpc::ClientContext context;
    EXPECT_TRUE(stubs().phases->ClosePhase(&context, request, &phase).ok());
  };
  auto worker = StartWorker({.upload_initial = true});
  SubmitShard("s", "one");
  SubmitShard("s", "two");
  close();
  Await("s", 1, v1::Phase::PUBLISHED);
  SubmitShard("s", "three");
  close();
  const v1::Phase second = Await("s", 2, v1::Phase::PUBLISHED);
  EXPECT_EQ(second.accounting().planned_count(), 10);
  EXPECT_EQ(second.accounting().earlier_count(), 20);
  EXPECT_EQ(second.step_count(), 2);
  Expect(2, 2 * 16, 0);
}

TEST_F(PhaseHistoryTest, FailsAPhaseWhosePreviousPlanIsGone) {
  CreateReplaying(6, 2);
  auto worker = StartWorker();
  SubmitShard("s", "one");
  Await("s", 1, v1::Phase::PUBLISHED);
  const std::string digest = worker->view().join.plan().digest();
  const std::string path = JoinPath(
      JoinPath(JoinPath(JoinPath(options_.state_dir, "blobs"), "blobs"),
               digest.substr(0, 2)),
      digest);
  ASSERT_TRUE(RemoveRecursively(path).ok());
  SubmitShard("s", "two");
  EXPECT_THAT(Await("s", 2, v1::Phase::FAILED).reason(), HasSubstr(digest));
  EXPECT_EQ(GetStream("s").state(), v1::Stream::BLOCKED);
}

}  // namespace
}  // namespace keel::testing
