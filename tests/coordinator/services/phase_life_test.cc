// Phases from chunk to checkpoint, with a scripted worker.
#include <string>

#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/phase_fixture.h"

namespace keel::testing {
namespace {

using ::testing::HasSubstr;
using Stub = v1::PhaseService::Stub;
using View = FakeWorker::View;

class PhaseLifeTest : public PhaseFixture {};

TEST_F(PhaseLifeTest, PublishesACheckpointThatCanBeDownloaded) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  SubmitShard("s", "x");
  const v1::Phase phase = Await("s", 1, v1::Phase::PUBLISHED);
  EXPECT_EQ(phase.committed_step_count(), 6);
  EXPECT_EQ(phase.generation(), 0);
  EXPECT_EQ(GetStream("s").published_phase(), 1);

  grpc::ClientContext context;
  v1::GetCheckpointRequest request;
  request.set_stream("s");
  request.set_phase(-1);
  v1::Checkpoint checkpoint;
  ASSERT_TRUE(
      stubs().checkpoints->GetCheckpoint(&context, request, &checkpoint).ok());
  EXPECT_EQ(checkpoint.phase(), 1);
  EXPECT_EQ(checkpoint.step_count(), 6);
  ASSERT_EQ(checkpoint.files_size(), 2);
  EXPECT_EQ(Download("s", 1, "weights.bin", 0), "weights of s1@6");
  EXPECT_EQ(Download("s", 1, "weights.bin", 11), "s1@6");
}

TEST_F(PhaseLifeTest, StartsEachPhaseFromTheOneBefore) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  SubmitShard("s", "x");
  SubmitShard("s", "y");
  const v1::Phase second = Await("s", 2, v1::Phase::PUBLISHED);
  EXPECT_EQ(second.parent(), 1);
  const View view = worker->view();
  EXPECT_EQ(view.join.parent(), 1);
  ASSERT_EQ(view.join.parent_files_size(), 2);
  EXPECT_EQ(view.join.parent_files(0).name(), "weights.bin");
  EXPECT_EQ(view.tasks_done, 0);
}

TEST_F(PhaseLifeTest, WatchGoesOnFromARevision) {
  CreateSmallStream("s");
  auto worker = StartWorker({.hold_at = 2});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.acknowledged == 2; }));
  const v1::Phase seen = Await("s", 1, v1::Phase::TRAINING);
  worker->Release();
  grpc::ClientContext context;
  v1::WatchPhaseRequest request;
  request.set_stream("s");
  request.set_number(1);
  request.set_after_revision(seen.revision());
  auto reader = stubs().phases->WatchPhase(&context, request);
  v1::WatchPhaseResponse response;
  int64_t revision = seen.revision();
  while (reader->Read(&response)) {
    EXPECT_GT(response.phase().revision(), revision);
    revision = response.phase().revision();
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(response.phase().state(), v1::Phase::PUBLISHED);
}

TEST_F(PhaseLifeTest, WatchOfAFinalPhaseThatWasSeenEndsAtOnce) {
  CreateSmallStream("s");
  auto worker = StartWorker();
  SubmitShard("s", "x");
  const v1::Phase last = Await("s", 1, v1::Phase::PUBLISHED);
  grpc::ClientContext context;
  v1::WatchPhaseRequest request;
  request.set_stream("s");
  request.set_number(1);
  request.set_after_revision(last.revision());
  auto reader = stubs().phases->WatchPhase(&context, request);
  v1::WatchPhaseResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(PhaseLifeTest, ClosesAManualPhaseOnceForOneRequest) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_phase()->set_policy(v1::PhaseConfig::MANUAL);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  v1::ClosePhaseRequest request;
  request.set_stream("s");
  request.set_request_id("r");
  v1::Phase first, second;
  grpc::ClientContext a, b, c;
  EXPECT_EQ(stubs().phases->ClosePhase(&a, request, &first).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  SubmitShard("s", "x");
  SubmitShard("s", "y");
  ASSERT_TRUE(stubs().phases->ClosePhase(&b, request, &first).ok());
  EXPECT_EQ(first.chunk_digests_size(), 2);
  ASSERT_TRUE(stubs().phases->ClosePhase(&c, request, &second).ok());
  EXPECT_EQ(second.number(), first.number());
}

TEST_F(PhaseLifeTest, AWatchWaitsForTheNextPhaseAndRefusesLaterOnes) {
  CreateSmallStream("s");
  const auto watch = [&](grpc::ClientContext* context, int number) {
    v1::WatchPhaseRequest request;
    request.set_stream("s");
    request.set_number(number);
    return stubs().phases->WatchPhase(context, request);
  };
  grpc::ClientContext a, b;
  v1::WatchPhaseResponse response;
  EXPECT_EQ(watch(&a, 2)->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  auto reader = watch(&b, 1);
  SubmitShard("s", "x");
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.phase().number(), 1);
  b.TryCancel();
  reader->Finish();
}

TEST_F(PhaseLifeTest, BlocksTheStreamUntilAFailedPhaseIsRetried) {
  CreateSmallStream("s");
  auto worker = StartWorker({.fail_with = "the loss is not finite"});
  SubmitShard("s", "x");
  const v1::Phase failed = Await("s", 1, v1::Phase::FAILED);
  EXPECT_THAT(failed.reason(), HasSubstr("not finite"));
  EXPECT_EQ(GetStream("s").state(), v1::Stream::BLOCKED);
  worker = nullptr;
  worker = StartWorker({.incarnation = 2});
  v1::Phase phase;
  ASSERT_TRUE(Order<v1::RetryPhaseRequest>(&Stub::RetryPhase, 1, &phase).ok());
  EXPECT_EQ(phase.attempt(), 2);
  Await("s", 1, v1::Phase::PUBLISHED);
  EXPECT_EQ(GetStream("s").state(), v1::Stream::ACTIVE);
  EXPECT_TRUE(Verify("s", 1).ok());
}

TEST_F(PhaseLifeTest, ARetryThatNamesItsAttemptHasOneEffect) {
  CreateSmallStream("s");
  auto worker = StartWorker({.fail_with = "the loss is not finite"});
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::FAILED);
  v1::RetryPhaseRequest request;
  request.set_stream("s");
  request.set_number(1);
  request.set_attempt(1);
  const auto retry = [&](v1::Phase* phase) {
    grpc::ClientContext context;
    return stubs().phases->RetryPhase(&context, request, phase);
  };
  v1::Phase phase;
  ASSERT_TRUE(retry(&phase).ok());
  EXPECT_EQ(phase.attempt(), 2);
  EXPECT_EQ(Await("s", 1, v1::Phase::FAILED).attempt(), 2);
  ASSERT_TRUE(retry(&phase).ok());
  EXPECT_EQ(phase.attempt(), 2);
  request.set_attempt(3);
  EXPECT_EQ(retry(&phase).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  request.set_attempt(2);
  ASSERT_TRUE(retry(&phase).ok());
  EXPECT_EQ(phase.attempt(), 3);
}

TEST_F(PhaseLifeTest, RefusesToRetryAPhaseBeforeOneThatHasTrained) {
  CreateSmallStream("s");
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::QUEUED);
  v1::Phase phase;
  ASSERT_TRUE(
      Order<v1::CancelPhaseRequest>(&Stub::CancelPhase, 1, &phase).ok());
  auto worker = StartWorker();
  SubmitShard("s", "y");
  Await("s", 2, v1::Phase::PUBLISHED);
  const grpc::Status status =
      Order<v1::RetryPhaseRequest>(&Stub::RetryPhase, 1, &phase);
  EXPECT_EQ(status.error_message(),
            "phase 1 of s: a later phase has trained already");
  EXPECT_EQ(ReasonOf(FromGrpcStatus(status)).reason, "PHASE_STATE");
}

TEST_F(PhaseLifeTest, GoesOnWithoutAPhaseThatWasSkipped) {
  CreateSmallStream("s");
  auto worker = StartWorker({.fail_with = "no"});
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::FAILED);
  worker = nullptr;
  worker = StartWorker({.incarnation = 2});
  SubmitShard("s", "y");
  v1::Phase phase;
  ASSERT_TRUE(Order<v1::SkipPhaseRequest>(&Stub::SkipPhase, 1, &phase).ok());
  EXPECT_EQ(phase.state(), v1::Phase::SKIPPED);
  EXPECT_EQ(Await("s", 2, v1::Phase::PUBLISHED).parent(), -1);
}

TEST_F(PhaseLifeTest, CancelFreesTheWorkersOfAPhase) {
  CreateSmallStream("s");
  auto worker = StartWorker({.hold_at = 2});
  SubmitShard("s", "x");
  ASSERT_TRUE(
      worker->WaitFor([](const View& v) { return v.acknowledged == 2; }));
  v1::Phase phase;
  ASSERT_TRUE(
      Order<v1::CancelPhaseRequest>(&Stub::CancelPhase, 1, &phase).ok());
  EXPECT_EQ(phase.state(), v1::Phase::CANCELLED);
  EXPECT_TRUE(
      worker->WaitFor([](const View& v) { return v.leave_count == 1; }));
  EXPECT_EQ(GetStream("s").state(), v1::Stream::ACTIVE);
  const grpc::Status again =
      Order<v1::CancelPhaseRequest>(&Stub::CancelPhase, 1, &phase);
  EXPECT_EQ(again.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(FromGrpcStatus(again)).reason, "PHASE_STATE");
}

TEST_F(PhaseLifeTest, SkipsAPhaseWithoutATrainableSample) {
  CreateSmallStream("s", /*fraction=*/0.999999);
  SubmitShard("s", "x");
  const v1::Phase phase = Await("s", 1, v1::Phase::SKIPPED);
  EXPECT_EQ(phase.accounting().probe_count(), 10);
}

TEST_F(PhaseLifeTest, FailsAPhaseOfFewerSamplesThanABatchWithDropLast) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_train()->set_global_batch(16);
  config.mutable_train()->set_drop_last(true);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  SubmitShard("s", "x");
  const v1::Phase failed = Await("s", 1, v1::Phase::FAILED);
  EXPECT_THAT(failed.reason(),
              HasSubstr("train.drop_last leaves it no step: its 10 samples do "
                        "not fill one batch of train.global_batch 16"));
  EXPECT_EQ(failed.accounting().planned_count(), 10);
  EXPECT_EQ(GetStream("s").state(), v1::Stream::BLOCKED);

  v1::Phase phase;
  ASSERT_TRUE(Order<v1::RetryPhaseRequest>(&Stub::RetryPhase, 1, &phase).ok());
  EXPECT_EQ(Await("s", 1, v1::Phase::FAILED).reason(), failed.reason());
  ASSERT_TRUE(Order<v1::SkipPhaseRequest>(&Stub::SkipPhase, 1, &phase).ok());
  EXPECT_EQ(phase.accounting().planned_count(), 0);
  EXPECT_EQ(phase.accounting().dropped_count(), 10);
  EXPECT_EQ(GetStream("s").state(), v1::Stream::ACTIVE);
}

TEST_F(PhaseLifeTest, StartsFromAnUploadedCheckpointAndMeasuresItOnce) {
  grpc::ClientContext context;
  v1::UploadCheckpointResponse uploaded;
  auto writer = stubs().checkpoints->UploadCheckpoint(&context, &uploaded);
  const std::string bytes = "initial weights";
  v1::UploadCheckpointRequest message;
  message.mutable_file()->set_name("weights.bin");
  message.mutable_file()->set_size_bytes(static_cast<int64_t>(bytes.size()));
  message.mutable_file()->set_digest(Sha256Hex(bytes));
  writer->Write(message);
  message.mutable_frame()->set_data(bytes);
  message.mutable_frame()->set_crc32(Crc32(bytes));
  writer->Write(message);
  writer->WritesDone();
  ASSERT_TRUE(writer->Finish().ok());

  v1::CreateStreamRequest request;
  request.set_name("s");
  *request.mutable_config() = SmallConfig();
  request.set_initial_checkpoint(uploaded.id());
  v1::Stream stream;
  grpc::ClientContext create;
  ASSERT_TRUE(stubs().streams->CreateStream(&create, request, &stream).ok());
  EXPECT_EQ(stream.published_phase(), 0);
  auto worker = StartWorker();
  SubmitShard("s", "held-out", /*probe_only=*/true);
  SubmitShard("s", "x");
  EXPECT_EQ(Await("s", 1, v1::Phase::PUBLISHED).parent(), 0);
  const v1::ListRecallsResponse recalls = Recalls("s");
  ASSERT_EQ(recalls.recalls_size(), 2);
  EXPECT_EQ(recalls.recalls(0).phase(), 0);
  EXPECT_EQ(Download("s", 0, "weights.bin", 0), bytes);
}

TEST_F(PhaseLifeTest, TrainsWithAllWorkersThatTheGroupWants) {
  v1::StreamConfig config = SmallConfig();
  config.mutable_group()->set_min_workers(2);
  ASSERT_TRUE(CreateStream(*stubs().streams, "s", config).ok());
  auto a = StartWorker({.id = "a"});
  SubmitShard("s", "x");
  Await("s", 1, v1::Phase::QUEUED);
  auto b = StartWorker({.id = "b"});
  Await("s", 1, v1::Phase::PUBLISHED);
  EXPECT_EQ(a->view().join.world_size(), 2);
  EXPECT_EQ(a->view().join.rank() + b->view().join.rank(), 1);
}

}  // namespace
}  // namespace keel::testing
