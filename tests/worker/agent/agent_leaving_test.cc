// How an agent ends its work: refused, cancelled, drained or hung.
#include "tests/worker/agent/agent_fixture.h"

namespace keel {
namespace {

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
    std::vector<RecallResult> recalls;
    for (const ProbeSet& probe : job.probes) {
      RecallResult& recall = recalls.emplace_back();
      recall.probe = probe.name;
      recall.sample_count =
          static_cast<int64_t>(probe.samples.at(0).samples.size());
    }
    return recalls;
  };
  executor_.drift = [](const DriftJob& job, TaskContext&) {
    DriftResult drift;
    drift.reference = job.reference;
    return std::vector<DriftResult>{drift};
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = Task("t1");
  v1::RunTask& task = *order.mutable_run_task();
  v1::ProbeSet& held_out = *task.add_probes();
  held_out.set_name("phase-1");
  *held_out.mutable_plan() = Blob(plan_bytes_);
  v1::ProbeSet& submitted = *task.add_probes();
  submitted.set_name("animals");
  *submitted.mutable_index() = Blob(index_bytes_);
  task.mutable_evaluate();
  session->Send(order);
  v1::TaskEnded ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_TRUE(ended.ok()) << ended.message();
  EXPECT_EQ(ended.task_id(), "t1");
  ASSERT_EQ(ended.evaluation().recalls_size(), 2);
  EXPECT_EQ(ended.evaluation().recalls(0).probe(), "phase-1");
  EXPECT_EQ(ended.evaluation().recalls(0).sample_count(), 1);
  EXPECT_EQ(ended.evaluation().recalls(1).probe(), "animals");
  EXPECT_EQ(ended.evaluation().recalls(1).sample_count(), 4);

  task.set_task_id("t2");
  task.mutable_drift()->set_reference("parent");
  session->Send(order);
  ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_TRUE(ended.ok()) << ended.message();
  EXPECT_EQ(ended.drift().drifts(0).reference(), "parent");
}

TEST_F(AgentTest, AMeasurementWithoutResultsIsAResult) {
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = Task("t1");
  order.mutable_run_task()->mutable_evaluate();
  session->Send(order);
  v1::TaskEnded ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_TRUE(ended.ok() && ended.has_evaluation()) << ended.DebugString();
  order = Task("t2");
  order.mutable_run_task()->mutable_drift();
  session->Send(order);
  ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_TRUE(ended.ok() && ended.has_drift()) << ended.DebugString();
}

TEST_F(AgentTest, AResultThatNoMessageCarriesIsAFailure) {
  executor_.evaluate = [](const EvaluateJob&, TaskContext&) {
    RecallResult recall;
    recall.probe = std::string(16 << 20, 'x');
    return std::vector<RecallResult>{recall};
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = Task("t1");
  order.mutable_run_task()->mutable_evaluate();
  session->Send(order);
  const v1::TaskEnded ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_FALSE(ended.ok());
  EXPECT_NE(ended.message().find("can be sent"), std::string::npos)
      << ended.message();
}

TEST_F(AgentTest, CancelTaskGivesItBack) {
  executor_.evaluate =
      [](const EvaluateJob&,
         TaskContext& context) -> absl::StatusOr<std::vector<RecallResult>> {
    while (!context.stop_requested()) absl::SleepFor(kPause);
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
  EXPECT_TRUE(ended.returned());
}

TEST_F(AgentTest, AFailedTaskIsNotReturned) {
  executor_.evaluate =
      [](const EvaluateJob&,
         TaskContext&) -> absl::StatusOr<std::vector<RecallResult>> {
    return absl::InternalError("no memory");
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = coordinator_->Message();
  order.mutable_run_task()->set_task_id("t1");
  order.mutable_run_task()->mutable_evaluate();
  session->Send(order);
  const v1::TaskEnded ended = session->Next(Kind::kTaskEnded).task_ended();
  EXPECT_FALSE(ended.ok());
  EXPECT_FALSE(ended.returned());
  EXPECT_EQ(ended.message(), "INTERNAL: no memory");
}

TEST_F(AgentTest, BytesThatArriveAreATasksProgress) {
  absl::Notification read, end;
  executor_.evaluate =
      [&](const EvaluateJob&,
          TaskContext& context) -> absl::StatusOr<std::vector<RecallResult>> {
    read.WaitForNotification();
    const auto bytes = context.chunks().Read(chunk_, 0, 3);
    end.WaitForNotification();
    if (!bytes.ok()) return bytes.status();
    return std::vector<RecallResult>();
  };
  Start();
  const auto session = coordinator_->NextSession();
  const auto heard = [&](const std::string& task) {
    for (int i = 0; i < 1000; ++i) {
      const auto heartbeat = session->Next(Kind::kHeartbeat).heartbeat();
      if (heartbeat.task_id() == task) return true;
    }
    return false;
  };
  v1::CoordinatorMessage order = Task("t1");
  v1::CheckpointFile& file =
      *order.mutable_run_task()->mutable_evaluate()->add_files();
  file.set_name("weights");
  file.set_digest(coordinator_->AddBlob("weights"));
  file.set_size_bytes(7);
  session->Send(order);
  EXPECT_TRUE(heard("t1"));  // the file
  EXPECT_TRUE(heard(""));
  read.Notify();
  EXPECT_TRUE(heard("t1"));  // the chunk
  EXPECT_TRUE(heard(""));
  end.Notify();
  EXPECT_TRUE(session->Next(Kind::kTaskEnded).task_ended().ok());
}

TEST_F(AgentTest, HeartbeatsNameATaskOnlyWhileItComesOn) {
  std::atomic<bool> polls = true;
  absl::Notification goes_on;
  executor_.evaluate =
      [&](const EvaluateJob&,
          TaskContext& context) -> absl::StatusOr<std::vector<RecallResult>> {
    while (polls) {
      if (context.stop_requested()) return absl::CancelledError("asked to");
      absl::SleepFor(kPause);
    }
    goes_on.WaitForNotification();
    return std::vector<RecallResult>();
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = coordinator_->Message();
  order.mutable_run_task()->set_task_id("t1");
  order.mutable_run_task()->mutable_evaluate();
  session->Send(order);
  const auto await_named = [&session](const std::string& task) {
    const absl::Time deadline = absl::Now() + kPatience;
    v1::WorkerMessage message;
    do {
      message = session->Next(Kind::kHeartbeat);
    } while (message.heartbeat().task_id() != task && absl::Now() < deadline);
    return message.has_heartbeat() && message.heartbeat().task_id() == task;
  };
  EXPECT_TRUE(await_named("t1"));
  polls = false;
  EXPECT_TRUE(await_named(""));
  goes_on.Notify();
  EXPECT_TRUE(session->Next(Kind::kTaskEnded).task_ended().ok());
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
