#include "coordinator/services/server.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "gtest/gtest.h"
#include "tests/coordinator/services/coordinator_fixture.h"
#include "tests/testing/test_folder.h"

namespace keel::testing {
namespace {

using ::testing::HasSubstr;

// A one-field message of protobuf's wire format: field, then a string.
grpc::ByteBuffer StringField(int field, const std::string& text) {
  std::string bytes;
  bytes += static_cast<char>(field << 3 | 2);
  bytes += static_cast<char>(text.size());
  bytes += text;
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

class ServerTest : public CoordinatorFixture {
 protected:
  void SetUp() override { StartServer(); }

  // Calls a method by name with bytes, and returns the first answer's bytes.
  std::string Call(const std::string& method, const grpc::ByteBuffer& request) {
    grpc::GenericStub stub(stubs().channel);
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    auto call = stub.PrepareCall(&context, method, &queue);
    grpc::ByteBuffer response;
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(this);
    queue.Next(&tag, &ok);
    call->Write(request, this);
    queue.Next(&tag, &ok);
    call->Read(&response, this);
    queue.Next(&tag, &ok);
    context.TryCancel();
    return ok ? ToString(response) : "";
  }
};

TEST_F(ServerTest, ReflectionListsTheFourServices) {
  // ServerReflectionRequest.list_services is field 7.
  const std::string answer =
      Call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
           StringField(7, "*"));
  for (const char* name :
       {"keel.v1.StreamService", "keel.v1.PhaseService",
        "keel.v1.CheckpointService", "keel.v1.WorkerService"}) {
    EXPECT_THAT(answer, HasSubstr(name));
  }
}

TEST_F(ServerTest, HealthIsServingForTheWholeAndForEachService) {
  // HealthCheckResponse: field 1, SERVING = 1.
  const std::string serving("\x08\x01", 2);
  for (const char* name :
       {"", "keel.v1.StreamService", "keel.v1.PhaseService",
        "keel.v1.CheckpointService", "keel.v1.WorkerService"}) {
    EXPECT_EQ(Call("/grpc.health.v1.Health/Check", StringField(1, name)),
              serving)
        << name;
  }
}

TEST_F(ServerTest, RefusesAFolderThatAnotherServerHolds) {
  CoordinatorServer::Options options = options_;
  options.listen_address = "127.0.0.1:0";
  const auto second = CoordinatorServer::Start(options, &metrics_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat(getpid())));
}

TEST_F(ServerTest, RefusesAnAddressThatIsTaken) {
  CoordinatorServer::Options options = options_;
  const TestFolder folder;
  options.state_dir = folder.Path("other");
  const auto second = CoordinatorServer::Start(options, &metrics_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServerTest, KeepsItsClusterIdAcrossARestart) {
  const std::string id = server().cluster_id();
  StopServer();
  StartServer();
  EXPECT_EQ(server().cluster_id(), id);
}

TEST_F(ServerTest, ShutdownEndsStreamsOfWorkersAndWatchers) {
  CreateSmallStream("s");
  SubmitShard("s", "x");
  auto worker = StartWorker({.hold_at = 0});
  ASSERT_TRUE(worker->WaitFor(
      [](const FakeWorker::View& v) { return !v.start_steps.empty(); }));
  grpc::ClientContext context;
  v1::WatchPhaseRequest request;
  request.set_stream("s");
  auto reader = stubs().phases->WatchPhase(&context, request);
  v1::WatchPhaseResponse response;
  ASSERT_TRUE(reader->Read(&response));
  server().Shutdown(absl::Seconds(10));
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(response.phase().state(), v1::Phase::PUBLISHED);
}

TEST(ServerOptionsTest, NamesTheValueThatIsWrong) {
  CoordinatorServer::Options options;
  EXPECT_THAT(std::string(options.Validate().message()),
              HasSubstr("state_dir"));
  options.state_dir = "x";
  EXPECT_TRUE(options.Validate().ok());
  options.heartbeat_every = options.planner.evict_after;
  EXPECT_THAT(std::string(options.Validate().message()),
              HasSubstr("heartbeat_every"));
}

}  // namespace
}  // namespace keel::testing
