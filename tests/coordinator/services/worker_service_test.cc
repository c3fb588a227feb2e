#include "coordinator/services/worker_service.h"

#include "common/grpc/status.h"
#include "common/reason.h"
#include "coordinator/services/state_views.h"
#include "grpcpp/grpcpp.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class WorkerServiceTest : public PartsFixture {
 protected:
  WorkerServiceTest()
      : service_(*cluster_, parts_->workers, parts_->artifacts) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::WorkerService::NewStub(grpc::CreateChannel(
        absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }

  WorkerServiceImpl service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
};

TEST_F(WorkerServiceTest, AWorkerIsHeardOfWhileTheLockIsTaken) {
  grpc::ClientContext context;
  auto stream = stub_->Attach(&context);
  v1::WorkerMessage message;
  message.set_incarnation(1);
  message.mutable_hello()->mutable_worker()->set_id("w");
  message.mutable_hello()->mutable_worker()->set_incarnation(1);
  ASSERT_TRUE(stream->Write(message));
  v1::CoordinatorMessage welcome;
  ASSERT_TRUE(stream->Read(&welcome));
  {
    auto state = cluster_->Lock();
    message.set_cluster_id(cluster_->cluster_id());
    message.mutable_heartbeat();
    ASSERT_TRUE(stream->Write(message));
    const auto heard = [&] {
      return ViewOf(*state).workers.at(0).heartbeat_time > clock_.Now();
    };
    for (int i = 0; i < 2000 && !heard(); ++i) {
      absl::SleepFor(absl::Milliseconds(10));
    }
    EXPECT_TRUE(heard());
  }
  EXPECT_EQ(parts_->workers.List().at(0).address(), "127.0.0.1");
  context.TryCancel();
  stream->Finish();
}

TEST_F(WorkerServiceTest, SaysWhichMessageOfAnUploadIsDue) {
  grpc::ClientContext context;
  v1::UploadArtifactResponse response;
  auto writer = stub_->UploadArtifact(&context, &response);
  v1::UploadArtifactRequest message;
  message.mutable_frame();
  writer->Write(message);
  const grpc::Status status = writer->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(FromGrpcStatus(status)).reason, "HEADER_EXPECTED");
}

}  // namespace
}  // namespace keel::testing
