#include "coordinator/services/worker_session.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "keel/v1/worker.grpc.pb.h"

namespace keel {
namespace {

// Sends one message of `bytes`, then reads until the stream ends.
class OneMessageService : public v1::WorkerService::Service {
 public:
  explicit OneMessageService(size_t bytes) : bytes_(bytes) {}

  grpc::Status Attach(grpc::ServerContext* context,
                      WorkerSession::Stream* stream) override {
    WorkerSession session("cluster", context, stream);
    v1::CoordinatorMessage message;
    message.mutable_drain()->set_reason(std::string(bytes_, 'x'));
    session.Send(std::move(message));
    v1::WorkerMessage read;
    while (stream->Read(&read)) {
    }
    session.Finish();
    return grpc::Status::OK;
  }

 private:
  const size_t bytes_;
};

// How many messages come before the stream ends, and how it ends. The client
// closes its side after the first.
std::pair<int, grpc::StatusCode> Receive(size_t bytes) {
  OneMessageService service(bytes);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.SetMaxSendMessageSize(10'000);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::WorkerService::NewStub(grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(30));
  const auto stream = stub->Attach(&context);
  int count = 0;
  v1::CoordinatorMessage message;
  while (stream->Read(&message)) {
    ++count;
    stream->WritesDone();
  }
  return {count, stream->Finish().error_code()};
}

TEST(WorkerSessionTest, SendsWhatFits) {
  EXPECT_EQ(Receive(1'000), std::make_pair(1, grpc::StatusCode::OK));
}

TEST(WorkerSessionTest, AMessageThatCannotBeSentEndsTheStream) {
  const auto [count, code] = Receive(20'000);
  EXPECT_EQ(count, 0);
  EXPECT_NE(code, grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_NE(code, grpc::StatusCode::OK);
}

}  // namespace
}  // namespace keel
