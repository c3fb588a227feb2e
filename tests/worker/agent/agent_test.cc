#include "worker/agent/agent.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/ids.h"
#include "common/reason.h"
#include "gtest/gtest.h"
#include "keel/storage/v1/storage.pb.h"
#include "tests/worker/agent/fake_coordinator.h"
#include "tests/worker/agent/fake_executor.h"

namespace keel {
namespace {

using Kind = v1::WorkerMessage::KindCase;

class AgentTest : public testing::Test {
 protected:
  AgentTest() : coordinator_(std::make_unique<FakeCoordinator>()) {
    port_ = coordinator_->port();
    AddPlan();
  }
  ~AgentTest() override {
    if (!thread_.joinable()) return;
    agent_->Drain("the test ends");
    thread_.join();
  }

  // A phase of three samples in one chunk, six steps.
  void AddPlan() {
    storage::v1::ChunkIndex index;
    chunk_ = coordinator_->AddBlob("the bytes of a chunk");
    index.set_chunk_digest(chunk_);
    for (int i = 0; i < 3; ++i) index.add_samples();
    index_bytes_ = index.SerializeAsString();
    storage::v1::PhasePlan plan;
    plan.set_phase(1);
    plan.set_sample_count(3);
    plan.set_step_count(6);
    storage::v1::PlannedChunk& chunk = *plan.add_chunks();
    chunk.set_chunk_digest(chunk_);
    chunk.set_chunk_size_bytes(20);
    chunk.set_index_digest(coordinator_->AddBlob(index_bytes_));
    chunk.set_index_size_bytes(static_cast<int64_t>(index_bytes_.size()));
    plan_bytes_ = plan.SerializeAsString();
    coordinator_->AddBlob(plan_bytes_);
  }

  void Start() {
    Agent::Options options;
    options.state_directory = directory_;
    options.id = "w0";
    options.link.channel.address = coordinator_->address();
    options.link.backoff = {absl::Milliseconds(5), absl::Milliseconds(20)};
    options.link.heartbeat_every = absl::Milliseconds(20);
    options.link.channel.max_reconnect_backoff = absl::Milliseconds(100);
    options.uploader.backoff = options.link.backoff;
    options.fetcher.backoff = options.link.backoff;
    options.min_cancel_grace = absl::Milliseconds(100);
    options.drain_grace = absl::Milliseconds(200);
    options.exit_process = [this](int code) {
      exit_code_ = code;
      if (!exited_.HasBeenNotified()) exited_.Notify();
    };
    auto agent = Agent::Create(options, executor_);
    ASSERT_TRUE(agent.ok()) << agent.status();
    agent_ = *std::move(agent);
    thread_ = std::thread([this] { result_ = agent_->Run(); });
  }
  absl::Status Join() {
    thread_.join();
    agent_.reset();
    return result_;
  }
  absl::Status DrainAndJoin() {
    agent_->Drain("SIGTERM");
    return Join();
  }
  // A coordinator that was restarted: same port, same cluster, no memory.
  void RestartCoordinator(FakeCoordinator::Greeter greeter) {
    coordinator_.reset();
    coordinator_ = std::make_unique<FakeCoordinator>(port_);
    coordinator_->SetGreeter(std::move(greeter));
    AddPlan();
  }

  v1::CoordinatorMessage Join(int64_t generation) {
    v1::CoordinatorMessage message = coordinator_->Message();
    v1::JoinGroup& order = *message.mutable_join_group();
    order.set_generation(generation);
    order.set_world_size(1);
    order.set_stream("s");
    order.set_phase(1);
    order.set_attempt(1);
    order.set_parent(-1);
    order.mutable_plan()->set_digest(coordinator_->AddBlob(plan_bytes_));
    order.mutable_plan()->set_size_bytes(
        static_cast<int64_t>(plan_bytes_.size()));
    return message;
  }
  v1::CoordinatorMessage Leave(int64_t generation) {
    v1::CoordinatorMessage message = coordinator_->Message();
    message.mutable_leave_group()->set_generation(generation);
    message.mutable_leave_group()->set_reason("regroup");
    return message;
  }
  v1::CoordinatorMessage Ack(int64_t generation, int64_t steps) {
    v1::CoordinatorMessage message = coordinator_->Message();
    message.mutable_step_ack()->set_generation(generation);
    message.mutable_step_ack()->set_step_count(steps);
    return message;
  }
  // For trains that tell when they run.
  bool AwaitTraining() {
    return training_.WaitForNotificationWithTimeout(kPatience);
  }
  static absl::Status UntilStopped(TrainContext& context) {
    while (!context.stop_requested()) std::this_thread::yield();
    return absl::CancelledError("asked to");
  }

  const std::string directory_ = JoinPath(testing::TempDir(), RandomId());
  std::unique_ptr<FakeCoordinator> coordinator_;
  int port_ = 0;
  FakeExecutor executor_;
  std::string chunk_;
  std::string index_bytes_;
  std::string plan_bytes_;
  std::unique_ptr<Agent> agent_;
  std::thread thread_;
  absl::Status result_;
  absl::Notification training_;
  absl::Notification exited_;
  std::atomic<int> exit_code_ = -1;
};

TEST_F(AgentTest, SaysWhoItIsAndCountsItsStarts) {
  Start();
  auto session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  const v1::WorkerMessage first = session->hello();
  EXPECT_EQ(first.cluster_id(), "");
  EXPECT_EQ(first.incarnation(), 1);
  EXPECT_EQ(first.hello().worker().id(), "w0");
  EXPECT_EQ(first.hello().worker().threads(), 3);
  EXPECT_EQ(first.hello().worker().capability(), "AVX2");
  EXPECT_EQ(session->Next(Kind::kHeartbeat).cluster_id(), "cluster-a");
  EXPECT_TRUE(DrainAndJoin().ok());
  Start();
  session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->hello().incarnation(), 2);
  EXPECT_EQ(session->hello().cluster_id(), "cluster-a");
}

TEST_F(AgentTest, TrainsReportsUploadsAndFinishes) {
  executor_.train = [this](const TrainJob& job, TrainContext& context) {
    EXPECT_EQ(job.sample_count, 3);
    EXPECT_EQ(context.chunks().Read(chunk_, 4, 5).value(), "bytes");
    for (int i = 0; i < 6; ++i) {
      StepReport report;
      report.step = i;
      context.ReportStep(report);
    }
    const std::string path = JoinPath(context.scratch_directory(), "weights");
    EXPECT_TRUE(WriteFileAtomically(path, "w").ok());
    return context.Upload(ArtifactKind::kResult, 6, {{"weights", path}});
  };
  Start();
  const auto session = coordinator_->NextSession();
  session->Send(Join(4));
  int reported = 0;
  while (reported < 6) {
    const v1::WorkerMessage message = session->Next(Kind::kStepReports);
    ASSERT_TRUE(message.has_step_reports());
    EXPECT_EQ(message.step_reports().generation(), 4);
    reported += message.step_reports().steps_size();
  }
  // The result waits for its steps to be in the ledger.
  EXPECT_TRUE(coordinator_->uploads().empty());
  session->Send(Ack(4, 6));
  const v1::GroupEnded ended = session->Next(Kind::kGroupEnded).group_ended();
  EXPECT_EQ(ended.outcome(), v1::GroupEnded::FINISHED);
  EXPECT_EQ(ended.committed_step_count(), 6);
  const auto uploads = coordinator_->uploads();
  ASSERT_EQ(uploads.size(), 1u);
  EXPECT_EQ(uploads[0].header.cluster_id(), "cluster-a");
  EXPECT_EQ(uploads[0].header.generation(), 4);
  EXPECT_EQ(uploads[0].header.step_count(), 6);
  EXPECT_EQ(uploads[0].bytes[0], "w");
}

TEST_F(AgentTest, MapsTheEndOfAJob) {
  executor_.train = [](const TrainJob& job, TrainContext&) -> absl::Status {
    if (job.generation == 3) throw std::runtime_error("a tensor");
    return job.generation == 1 ? absl::AbortedError("peer lost")
                               : absl::FailedPreconditionError("struck");
  };
  Start();
  const auto session = coordinator_->NextSession();
  session->Send(Join(1));
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::BROKEN);
  session->Send(Join(2));
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::FAILED);
  session->Send(Join(3));
  const v1::GroupEnded thrown = session->Next(Kind::kGroupEnded).group_ended();
  EXPECT_EQ(thrown.outcome(), v1::GroupEnded::BROKEN);
  EXPECT_NE(thrown.message().find("a tensor"), std::string::npos);
}

TEST_F(AgentTest, MissingFilesBreakTheGroupButDoNotFailThePhase) {
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = Join(1);
  order.mutable_join_group()->add_resume_files()->set_digest(
      std::string(64, '0'));
  session->Send(order);
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::BROKEN);
}

TEST_F(AgentTest, LeaveGroupStopsTheJob) {
  executor_.train = [](const TrainJob&, TrainContext& context) {
    return UntilStopped(context);
  };
  Start();
  const auto session = coordinator_->NextSession();
  session->Send(Join(1));
  session->Send(Leave(1));
  const v1::GroupEnded ended = session->Next(Kind::kGroupEnded).group_ended();
  EXPECT_EQ(ended.outcome(), v1::GroupEnded::STOPPED);
  EXPECT_EQ(ended.message(), "regroup");
}

TEST_F(AgentTest, RendezvousTravelsOnTheStream) {
  executor_.train = [](const TrainJob&, TrainContext& context) {
    EXPECT_TRUE(context.store().Set("k", "v").ok());
    return context.store().Wait({"other"}, absl::InfiniteDuration());
  };
  Start();
  const auto session = coordinator_->NextSession();
  session->Send(Join(1));
  const v1::StoreRequest set =
      session->Next(Kind::kStoreRequest).store_request();
  EXPECT_EQ(set.operation(), v1::StoreRequest::SET);
  v1::CoordinatorMessage reply = coordinator_->Message();
  reply.mutable_store_reply()->set_generation(1);
  reply.mutable_store_reply()->set_id(set.id());
  session->Send(reply);
  EXPECT_EQ(session->Next(Kind::kStoreRequest).store_request().operation(),
            v1::StoreRequest::WAIT);
  session->Send(Leave(1));
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::STOPPED);
}

TEST_F(AgentTest, LostLineBreaksAGroupThatForms) {
  executor_.train = [](const TrainJob&, TrainContext& context) {
    return context.store().Wait({"other"}, absl::InfiniteDuration());
  };
  Start();
  auto session = coordinator_->NextSession();
  session->Send(Join(1));
  session->Next(Kind::kStoreRequest);
  session.reset();
  RestartCoordinator([](const v1::WorkerMessage&, v1::Welcome* welcome) {
    welcome->set_adopted(true);
    return grpc::Status::OK;
  });
  session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->hello().hello().generation(), 1);
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::BROKEN);
}

TEST_F(AgentTest, TrainsOnThroughACoordinatorsRestart) {
  absl::Notification restarted;
  executor_.train = [&](const TrainJob&, TrainContext& context) {
    StepReport report;
    for (; report.step < 3; ++report.step) context.ReportStep(report);
    restarted.WaitForNotification();
    EXPECT_FALSE(context.stop_requested());
    for (; report.step < 6; ++report.step) context.ReportStep(report);
    return context.Upload(ArtifactKind::kResult, 6, {});
  };
  Start();
  auto session = coordinator_->NextSession();
  session->Send(Join(1));
  EXPECT_EQ(session->Next(Kind::kStepReports).step_reports().steps(0).step(),
            0);
  session->Send(Ack(1, 1));
  session.reset();
  RestartCoordinator([](const v1::WorkerMessage&, v1::Welcome* welcome) {
    welcome->set_adopted(true);
    return grpc::Status::OK;
  });
  session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->hello().hello().generation(), 1);
  EXPECT_EQ(session->hello().hello().stream(), "s");
  EXPECT_EQ(session->hello().hello().committed_step_count(), 3);
  restarted.Notify();
  // Everything that was not acknowledged comes again, in order.
  int64_t next = -1;
  while (next < 6) {
    const v1::WorkerMessage message = session->Next(Kind::kStepReports);
    ASSERT_TRUE(message.has_step_reports());
    for (const v1::StepReport& step : message.step_reports().steps()) {
      if (next < 0) {
        EXPECT_LE(step.step(), 1);
      } else {
        EXPECT_EQ(step.step(), next);
      }
      next = step.step() + 1;
    }
  }
  session->Send(Ack(1, 6));
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::FINISHED);
  EXPECT_EQ(coordinator_->uploads().size(), 1u);
}

TEST_F(AgentTest, TellsOfAnEndThatCameWhileTheCoordinatorWasAway) {
  absl::Notification away;
  executor_.train = [&](const TrainJob&, TrainContext&) {
    training_.Notify();
    away.WaitForNotification();
    return absl::AbortedError("peer lost");
  };
  Start();
  auto session = coordinator_->NextSession();
  session->Send(Join(1));
  ASSERT_TRUE(AwaitTraining());
  session.reset();
  coordinator_.reset();
  away.Notify();
  coordinator_ = std::make_unique<FakeCoordinator>(port_);
  coordinator_->SetGreeter([](const v1::WorkerMessage&, v1::Welcome* welcome) {
    welcome->set_adopted(true);
    return grpc::Status::OK;
  });
  session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->hello().hello().generation(), 1);
  EXPECT_EQ(session->hello().hello().stream(), "s");
  EXPECT_EQ(session->hello().hello().phase(), 1);
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::BROKEN);
}

TEST_F(AgentTest, StopsWhenItsGenerationIsNotAdopted) {
  absl::Notification stopped;
  executor_.train = [&](const TrainJob& job, TrainContext& context) {
    if (job.generation == 2) return absl::OkStatus();
    training_.Notify();
    const absl::Status status = UntilStopped(context);
    stopped.Notify();
    return status;
  };
  Start();
  auto session = coordinator_->NextSession();
  session->Send(Join(1));
  ASSERT_TRUE(AwaitTraining());
  session.reset();
  RestartCoordinator(nullptr);
  session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->hello().hello().generation(), 1);
  EXPECT_TRUE(stopped.WaitForNotificationWithTimeout(kPatience));
  // It is ready for the next one, and says nothing more of the old one.
  session->Send(Join(2));
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().generation(), 2);
}

TEST_F(AgentTest, EvaluatesAndMeasuresDrift) {
  executor_.evaluate = [](const EvaluateJob& job, TaskContext&) {
    RecallResult recall;
    recall.probe = job.probes.at(0).name;
    recall.sample_count =
        static_cast<int64_t>(job.probes[0].samples[0].samples.size());
    return std::vector<RecallResult>{recall};
  };
  executor_.drift = [](const DriftJob& job, TaskContext&) {
    DriftResult drift;
    drift.reference = job.reference;
    return std::vector<DriftResult>{drift};
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = coordinator_->Message();
  v1::RunTask& task = *order.mutable_run_task();
  task.set_task_id("t1");
  v1::ProbeSet& probe = *task.add_probes();
  probe.set_name("animals");
  v1::ProbeSamples& samples = *probe.add_chunks();
  samples.set_chunk_digest(chunk_);
  samples.mutable_index()->set_digest(coordinator_->AddBlob(index_bytes_));
  samples.mutable_index()->set_size_bytes(
      static_cast<int64_t>(index_bytes_.size()));
  samples.add_ordinals(1);
  task.mutable_evaluate();
  session->Send(order);
  v1::TaskEnded ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_TRUE(ended.ok()) << ended.message();
  EXPECT_EQ(ended.task_id(), "t1");
  ASSERT_EQ(ended.evaluation().recalls_size(), 1);
  EXPECT_EQ(ended.evaluation().recalls(0).probe(), "animals");
  EXPECT_EQ(ended.evaluation().recalls(0).sample_count(), 1);

  task.set_task_id("t2");
  task.mutable_drift()->set_reference("parent");
  session->Send(order);
  ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_TRUE(ended.ok()) << ended.message();
  EXPECT_EQ(ended.drift().drifts(0).reference(), "parent");
}

TEST_F(AgentTest, CancelTaskGivesItBack) {
  executor_.evaluate =
      [](const EvaluateJob&,
         TaskContext& context) -> absl::StatusOr<std::vector<RecallResult>> {
    while (!context.stop_requested()) std::this_thread::yield();
    return absl::CancelledError("asked to");
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = coordinator_->Message();
  order.mutable_run_task()->set_task_id("t1");
  order.mutable_run_task()->mutable_evaluate();
  session->Send(order);
  v1::CoordinatorMessage cancel = coordinator_->Message();
  cancel.mutable_cancel_task()->set_task_id("t1");
  session->Send(cancel);
  const v1::TaskEnded ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_EQ(ended.task_id(), "t1");
  EXPECT_FALSE(ended.ok());
}

TEST_F(AgentTest, DrainEndsTheJobSaysGoodbyeAndReturns) {
  executor_.train = [this](const TrainJob&, TrainContext& context) {
    training_.Notify();
    return UntilStopped(context);
  };
  Start();
  const auto session = coordinator_->NextSession();
  session->Send(Join(1));
  ASSERT_TRUE(AwaitTraining());
  EXPECT_TRUE(DrainAndJoin().ok());
  EXPECT_TRUE(session->WaitForEnd());
  EXPECT_EQ(session->kinds(),
            (std::vector<Kind>{Kind::kGroupEnded, Kind::kLeaving}));
  EXPECT_EQ(session->Next(Kind::kLeaving).leaving().reason(), "SIGTERM");
}

TEST_F(AgentTest, CoordinatorsDrainDoesTheSame) {
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage drain = coordinator_->Message();
  drain.mutable_drain()->set_reason("keel drain");
  session->Send(drain);
  EXPECT_EQ(session->Next(Kind::kLeaving).leaving().reason(), "keel drain");
  EXPECT_TRUE(Join().ok());
}

TEST_F(AgentTest, DrainDoesNotWaitForEverForACoordinatorThatIsAway) {
  executor_.train = [](const TrainJob&, TrainContext& context) {
    StepReport report;
    context.ReportStep(report);
    return context.Upload(ArtifactKind::kResult, 1, {});
  };
  Start();
  auto session = coordinator_->NextSession();
  session->Send(Join(1));
  session->Next(Kind::kStepReports);
  session.reset();
  coordinator_.reset();
  EXPECT_TRUE(DrainAndJoin().ok());
}

TEST_F(AgentTest, StaleIncarnationEndsTheProcess) {
  coordinator_->SetGreeter([](const v1::WorkerMessage&, v1::Welcome*) {
    return ToGrpcStatus(
        WithReason(absl::AbortedError("incarnation 1 of w0 is older than 2"),
                   {"STALE_INCARNATION", {}}));
  });
  Start();
  const absl::Status status = Join();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_NE(status.message().find("older than 2"), std::string::npos);
}

TEST_F(AgentTest, AnotherClusterEndsTheProcess) {
  Start();
  ASSERT_NE(coordinator_->NextSession(), nullptr);
  ASSERT_TRUE(DrainAndJoin().ok());
  coordinator_->cluster_id = "cluster-b";
  Start();
  const absl::Status status = Join();
  EXPECT_EQ(ReasonOf(status).reason, "CLUSTER_MISMATCH");
}

TEST_F(AgentTest, OtherRefusalsAreTriedAgain) {
  std::atomic<int> calls = 0;
  coordinator_->SetGreeter([&](const v1::WorkerMessage&, v1::Welcome*) {
    return ++calls < 3 ? grpc::Status(grpc::StatusCode::ABORTED, "evicted")
                       : grpc::Status::OK;
  });
  Start();
  EXPECT_NE(coordinator_->NextSession(), nullptr);
  EXPECT_EQ(calls, 3);
}

TEST_F(AgentTest, JobThatHangsAfterItsOrderEndsTheProcess) {
  executor_.train = [this](const TrainJob&, TrainContext&) {
    training_.Notify();
    exited_.WaitForNotification();
    return absl::OkStatus();
  };
  coordinator_->SetGreeter([](const v1::WorkerMessage&, v1::Welcome* welcome) {
    welcome->mutable_evict_after()->Clear();
    return grpc::Status::OK;
  });
  Start();
  const auto session = coordinator_->NextSession();
  session->Send(Join(1));
  ASSERT_TRUE(AwaitTraining());
  session->Send(Leave(1));
  ASSERT_TRUE(exited_.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(exit_code_, Agent::kHangExitCode);
}

}  // namespace
}  // namespace keel
