// Workers that come, go, come back and lie.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/coordinator_fixture.h"

namespace keel::testing {
namespace {

using ::testing::ElementsAre;
using View = FakeWorker::View;

class WorkerLifeTest : public CoordinatorFixture {
 protected:
  void SetUp() override {
    StartServer();
    CreateSmallStream("s");
  }
  bool Publishes(int number) {
    return AwaitPhase(*stubs().phases, "s", number, v1::Phase::PUBLISHED)
               .state() == v1::Phase::PUBLISHED;
  }
  // The status with which an Attach that says `hello` ends.
  grpc::Status AttachStatus(const v1::WorkerMessage& hello) {
    grpc::ClientContext context;
    auto stream = stubs().workers->Attach(&context);
    stream->Write(hello);
    v1::CoordinatorMessage message;
    while (stream->Read(&message)) {
    }
    return stream->Finish();
  }
};

v1::WorkerMessage HelloOf(const std::string& id, int64_t incarnation) {
  v1::WorkerMessage message;
  message.set_incarnation(incarnation);
  message.mutable_hello()->mutable_worker()->set_id(id);
  message.mutable_hello()->mutable_worker()->set_incarnation(incarnation);
  return message;
}

TEST_F(WorkerLifeTest, RefusesTheUploadOfAStaleGeneration) {
  auto worker = StartWorker({.hold_at = 2});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.acknowledged == 2; }));
  const View view = worker->view();
  v1::ArtifactHeader header;
  header.set_cluster_id(view.cluster_id);
  header.set_stream("s");
  header.set_phase(1);
  header.set_attempt(1);
  header.set_kind(v1::ArtifactHeader::RESULT);
  header.set_step_count(6);
  header.set_generation(view.join.generation() + 1);
  const grpc::Status stale =
      UploadArtifact(*stubs().workers, header, {{"w", "stale"}});
  EXPECT_EQ(stale.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReasonIn(stale), "STALE_GENERATION");
  header.set_generation(view.join.generation());
  header.set_cluster_id("another");
  EXPECT_EQ(ReasonIn(UploadArtifact(*stubs().workers, header, {{"w", "x"}})),
            "CLUSTER_MISMATCH");
  header.set_cluster_id(view.cluster_id);
  const grpc::Status cut =
      UploadArtifact(*stubs().workers, header, {{"w", "no manifest"}});
  EXPECT_EQ(cut.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  header.set_step_count(5);
  const grpc::Status early =
      UploadArtifact(*stubs().workers, header, {{"keel_manifest.json", "{}"}});
  EXPECT_EQ(early.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  worker->Release();
  EXPECT_TRUE(Publishes(1));
}

TEST_F(WorkerLifeTest, RefusesAnOlderIncarnationAndAnotherCluster) {
  auto worker = StartWorker({.id = "a", .incarnation = 5});
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.attach_count == 1; }));
  const grpc::Status stale = AttachStatus(HelloOf("a", 4));
  EXPECT_EQ(stale.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(ReasonIn(stale), "STALE_INCARNATION");
  v1::WorkerMessage hello = HelloOf("b", 1);
  hello.set_cluster_id("another");
  EXPECT_EQ(ReasonIn(AttachStatus(hello)), "CLUSTER_MISMATCH");
  EXPECT_EQ(AttachStatus(HelloOf("Bad Id", 1)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(WorkerLifeTest, ANewerIncarnationTakesThePlaceOfTheOlder) {
  FakeWorker::Options options{.id = "a", .incarnation = 1, .hold_at = 2};
  auto old = StartWorker(options);
  SubmitShard("s", "x");
  ASSERT_TRUE(old->WaitFor([](const View& v) { return v.acknowledged == 2; }));
  auto fresh = StartWorker({.id = "a", .incarnation = 2});
  EXPECT_TRUE(Publishes(1));
  EXPECT_THAT(fresh->view().start_steps, ElementsAre(0));
  EXPECT_TRUE(old->WaitFor([](const View& v) {
    return ReasonIn(v.stream_status) == "STALE_INCARNATION";
  }));
}

TEST_F(WorkerLifeTest, StartsFromTheResumePointAfterALoss) {
  auto worker = StartWorker({.id = "a", .hold_at = 4, .resume_point_at = 4});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.resume_point_uploaded; }));
  ASSERT_TRUE(worker->view().upload_status.ok())
      << worker->view().upload_status.error_message();
  worker = nullptr;
  auto next = StartWorker({.id = "b"});
  EXPECT_TRUE(Publishes(1));
  EXPECT_THAT(next->view().start_steps, ElementsAre(4));
  EXPECT_EQ(next->view().join.resume_files_size(), 2);

  grpc::ClientContext context;
  v1::VerifyLedgerRequest request;
  request.set_stream("s");
  v1::VerifyLedgerResponse response;
  ASSERT_TRUE(stubs().phases->VerifyLedger(&context, request, &response).ok());
  ASSERT_EQ(response.verdicts_size(), 1);
  EXPECT_TRUE(response.verdicts(0).ok()) << response.DebugString();
}

TEST_F(WorkerLifeTest, StartsFromStepZeroWithoutAResumePoint) {
  auto worker = StartWorker({.id = "a", .hold_at = 4});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.acknowledged == 4; }));
  worker = nullptr;
  auto next = StartWorker({.id = "b"});
  EXPECT_TRUE(Publishes(1));
  EXPECT_THAT(next->view().start_steps, ElementsAre(0));
}

TEST_F(WorkerLifeTest, EvictsAWorkerThatFallsSilent) {
  StopServer();
  options_.planner.evict_after = absl::Milliseconds(300);
  options_.heartbeat_every = absl::Milliseconds(100);
  StartServer();
  // This one never sends a heartbeat.
  auto silent = StartWorker({.id = "a", .hold_at = 2});
  EXPECT_TRUE(
      silent->WaitFor([](const View& v) { return v.attach_count >= 2; }));
}

TEST_F(WorkerLifeTest, ListsWorkersAndDrainsOne) {
  auto worker = StartWorker({.id = "a"});
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.attach_count == 1; }));
  grpc::ClientContext list, drain, unknown;
  v1::ListWorkersResponse page;
  ASSERT_TRUE(stubs().workers->ListWorkers(&list, {}, &page).ok());
  ASSERT_EQ(page.workers_size(), 1);
  EXPECT_EQ(page.workers(0).id(), "a");
  EXPECT_EQ(page.workers(0).state(), v1::Worker::IDLE);
  v1::DrainWorkerRequest request;
  request.set_id("a");
  v1::Worker drained;
  ASSERT_TRUE(stubs().workers->DrainWorker(&drain, request, &drained).ok());
  EXPECT_EQ(drained.state(), v1::Worker::DRAINING);
  request.set_id("nobody");
  EXPECT_EQ(
      stubs().workers->DrainWorker(&unknown, request, &drained).error_code(),
      grpc::StatusCode::NOT_FOUND);
}

TEST_F(WorkerLifeTest, AdoptsAGroupThatTrainedWhileTheCoordinatorWasAway) {
  auto worker = StartWorker({.hold_at = 2});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.acknowledged == 2; }));
  const int64_t generation = worker->view().join.generation();
  StopServer();
  StartServer();
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.attach_count == 2; }));
  EXPECT_TRUE(worker->view().adopted);
  worker->Release();
  EXPECT_TRUE(Publishes(1));
  EXPECT_THAT(worker->view().start_steps, ElementsAre(0));
  EXPECT_EQ(worker->view().leave_count, 0);
  EXPECT_EQ(generation, 1);
}

TEST_F(WorkerLifeTest, GivesUpAGroupWhoseMembersDoNotComeBack) {
  options_.planner.recovery_window = absl::Milliseconds(100);
  auto worker = StartWorker({.id = "a", .hold_at = 2});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.acknowledged == 2; }));
  StopServer();
  worker = nullptr;
  StartServer();
  auto next = StartWorker({.id = "b"});
  EXPECT_TRUE(Publishes(1));
  EXPECT_THAT(next->view().start_steps, ElementsAre(0));
}

}  // namespace
}  // namespace keel::testing
