#include "worker/agent/agent.h"

#include "tests/worker/agent/agent_fixture.h"

namespace keel {
namespace {

TEST_F(AgentTest, SaysWhoItIsAndCountsItsStarts) {
  Start();
  auto session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  const v1::WorkerMessage first = session->hello();
  EXPECT_EQ(first.cluster_id(), "");
  EXPECT_GT(first.incarnation(), 0);
  EXPECT_EQ(first.hello().worker().id(), "w0");
  EXPECT_EQ(first.hello().worker().threads(), 3);
  EXPECT_EQ(first.hello().worker().capability(), "AVX2");
  EXPECT_EQ(session->Next(Kind::kHeartbeat).cluster_id(), "cluster-a");
  EXPECT_TRUE(DrainAndJoin().ok());
  Start();
  session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->hello().incarnation(), first.incarnation() + 1);
  EXPECT_EQ(session->hello().cluster_id(), "cluster-a");
}

TEST_F(AgentTest, SaysNothingMoreBeforeTheWelcome) {
  coordinator_->SetGreeter([](const v1::WorkerMessage&, v1::Welcome*) {
    absl::SleepFor(absl::Milliseconds(200));  // ten heartbeats long
    return grpc::Status::OK;
  });
  Start();
  const auto session = coordinator_->NextSession();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->Next(Kind::kHeartbeat).cluster_id(), "cluster-a");
}

TEST_F(AgentTest, TrainsReportsUploadsAndFinishes) {
  absl::Notification uploads;
  executor_.train = [&](const TrainJob& job, TrainContext& context) {
    EXPECT_EQ(job.sample_count, 3);
    EXPECT_EQ(context.chunks().Read(chunk_, 4, 5).value(), "bytes");
    for (int i = 0; i < 6; ++i) {
      StepReport report;
      report.step = i;
      context.ReportStep(report);
    }
    const std::string path = JoinPath(context.scratch_directory(), "weights");
    EXPECT_TRUE(WriteFileAtomically(path, "w").ok());
    uploads.Notify();
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
  uploads.WaitForNotification();
  session->Send(Ack(4, 5));
  for (int i = 0; i < 5; ++i) session->Next(Kind::kHeartbeat);
  EXPECT_TRUE(coordinator_->uploads().empty());
  session->Send(Ack(4, 6));
  const v1::GroupEnded ended = session->Next(Kind::kGroupEnded).group_ended();
  EXPECT_EQ(ended.outcome(), v1::GroupEnded::FINISHED);
  EXPECT_EQ(ended.committed_step_count(), 6);
  const auto uploaded = coordinator_->uploads();
  ASSERT_EQ(uploaded.size(), 1u);
  EXPECT_EQ(uploaded[0].header.cluster_id(), "cluster-a");
  EXPECT_EQ(uploaded[0].header.generation(), 4);
  EXPECT_EQ(uploaded[0].header.step_count(), 6);
  EXPECT_EQ(uploaded[0].bytes[0], "w");
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
  EXPECT_EQ(thrown.outcome(), v1::GroupEnded::UNABLE);
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

TEST_F(AgentTest, ATrainingGetsTheProbeSamplesThatCanBeHad) {
  std::vector<size_t> counts;
  executor_.train = [&](const TrainJob& job, TrainContext&) {
    for (const SampleList& list : job.live_samples) {
      counts.push_back(list.samples.size());
    }
    return absl::OkStatus();
  };
  Start();
  const auto session = coordinator_->NextSession();
  v1::CoordinatorMessage order = Join(1);
  v1::JoinGroup& join = *order.mutable_join_group();
  *join.add_live_probes()->mutable_plan() = Blob(plan_bytes_);
  join.add_live_probes()->mutable_index()->set_digest(Sha256Hex("nowhere"));
  *join.add_live_probes()->mutable_index() = Blob(index_bytes_);
  session->Send(order);
  EXPECT_EQ(session->Next(Kind::kGroupEnded).group_ended().outcome(),
            v1::GroupEnded::FINISHED);
  // What the plan holds out, and a whole chunk.
  EXPECT_EQ(counts, (std::vector<size_t>{1, 4}));
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
  absl::Notification reported, restarted;
  executor_.train = [&](const TrainJob&, TrainContext& context) {
    StepReport report;
    for (; report.step < 3; ++report.step) context.ReportStep(report);
    reported.Notify();
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
  ASSERT_TRUE(reported.WaitForNotificationWithTimeout(kPatience));
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
  RestartCoordinator([](const v1::WorkerMessage&, v1::Welcome* welcome) {
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

}  // namespace
}  // namespace keel
