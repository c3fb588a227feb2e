#include "tests/coordinator/services/coordinator_fixture.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/ids.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "grpcpp/create_channel.h"
#include "tests/testing/free_port.h"
#include "tests/testing/image_files.h"
#include "tests/testing/tar_writer.h"

namespace keel::testing {
namespace {

constexpr int kShardSamples = 10;

std::chrono::system_clock::time_point Deadline() {
  return std::chrono::system_clock::now() + std::chrono::seconds(20);
}

std::shared_ptr<grpc::Channel> Connect(int port) {
  grpc::ChannelArguments arguments;
  // A server that comes back is found at once.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 50);
  // A new channel has a connection of its own.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                   grpc::InsecureChannelCredentials(),
                                   arguments);
}

// The phase once it is in `state` or final.
v1::Phase WatchFor(v1::PhaseService::Stub& stub, const std::string& stream,
                   int number, v1::Phase::State state,
                   std::chrono::system_clock::time_point deadline) {
  grpc::ClientContext context;
  context.set_deadline(deadline);
  context.set_wait_for_ready(true);
  v1::WatchPhaseRequest request;
  request.set_stream(stream);
  request.set_number(number);
  auto reader = stub.WatchPhase(&context, request);
  v1::WatchPhaseResponse response;
  v1::Phase last;
  while (reader->Read(&response)) {
    last = response.phase();
    if (last.state() == state) break;
  }
  context.TryCancel();
  reader->Finish();
  return last;
}

}  // namespace

Stubs::Stubs(int port)
    : channel(Connect(port)),
      streams(v1::StreamService::NewStub(channel)),
      phases(v1::PhaseService::NewStub(channel)),
      checkpoints(v1::CheckpointService::NewStub(channel)),
      workers(v1::WorkerService::NewStub(channel)) {}

std::string ReasonIn(const grpc::Status& status) {
  return ReasonOf(FromGrpcStatus(status)).reason;
}

std::string MakeShard(int count, const std::string& seed) {
  TarWriter tar;
  for (int i = 0; i < count; ++i) {
    tar.Add(absl::StrCat(i, ".png"), PngFile(8, 8, absl::StrCat(seed, i)));
    tar.Add(absl::StrCat(i, ".txt"), absl::StrCat("caption ", seed, " ", i));
  }
  return tar.Finish();
}

v1::SubmitChunkHeader HeaderOf(const std::string& stream,
                               const std::string& shard) {
  v1::SubmitChunkHeader header;
  header.set_stream(stream);
  header.set_digest(Sha256Hex(shard));
  header.set_size_bytes(static_cast<int64_t>(shard.size()));
  header.set_display_name("shard.tar");
  return header;
}

Submission Submit(v1::StreamService::Stub& stub,
                  const v1::SubmitChunkHeader& header, const std::string& shard,
                  size_t frame_bytes, size_t limit) {
  Submission result;
  grpc::ClientContext context;
  context.set_deadline(Deadline());
  context.set_wait_for_ready(true);
  auto writer = stub.SubmitChunk(&context, &result.response);
  v1::SubmitChunkRequest message;
  *message.mutable_header() = header;
  bool open = writer->Write(message);
  const size_t end = std::min(limit, shard.size());
  for (size_t at = header.offset(); open && at < end; at += frame_bytes) {
    v1::DataFrame& frame = *message.mutable_frame();
    frame.set_offset(static_cast<int64_t>(at));
    frame.set_data(shard.substr(at, std::min(frame_bytes, end - at)));
    frame.set_crc32(Crc32(frame.data()));
    open = writer->Write(message);
  }
  if (open) writer->WritesDone();
  result.status = writer->Finish();
  return result;
}

v1::StreamConfig SmallConfig(double fraction) {
  v1::StreamConfig config;
  config.mutable_train()->set_epochs(2);
  config.mutable_train()->set_global_batch(4);
  config.mutable_probe()->set_fraction(fraction);
  config.mutable_phase()->set_policy(v1::PhaseConfig::EACH_CHUNK);
  return config;
}

grpc::Status CreateStream(v1::StreamService::Stub& stub,
                          const std::string& name,
                          const v1::StreamConfig& config) {
  grpc::ClientContext context;
  v1::CreateStreamRequest request;
  request.set_name(name);
  *request.mutable_config() = config;
  v1::Stream stream;
  return stub.CreateStream(&context, request, &stream);
}

v1::Phase AwaitPhase(v1::PhaseService::Stub& stub, const std::string& stream,
                     int number, v1::Phase::State state) {
  const auto deadline = Deadline();
  v1::Phase last;
  // A phase that is not made yet cannot be watched: the newest one is, again
  // and again.
  while (last.number() < number &&
         std::chrono::system_clock::now() < deadline) {
    last = WatchFor(stub, stream, 0, state, deadline);
  }
  return last.number() == number
             ? last
             : WatchFor(stub, stream, number, state, deadline);
}

CoordinatorFixture::CoordinatorFixture() {
  // Stays free between two starts.
  options_.listen_address = absl::StrCat("127.0.0.1:", FreePorts());
  options_.state_dir =
      JoinPath(::testing::TempDir(), absl::StrCat("keel-", RandomId()));
  options_.planner.evict_after = absl::Seconds(30);
  options_.planner.join_window = absl::ZeroDuration();
  options_.planner.orphan_grace = absl::ZeroDuration();
  options_.min_free_bytes = 0;
}

CoordinatorFixture::~CoordinatorFixture() {
  StopServer();
  RemoveRecursively(options_.state_dir).IgnoreError();
}

void CoordinatorFixture::StartServer() {
  auto server = CoordinatorServer::Start(options_, &metrics_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  // An old channel may find out only by a failed call that its server is gone.
  stubs_ = std::make_unique<Stubs>(server_->port());
}

void CoordinatorFixture::StopServer() { server_ = nullptr; }

std::unique_ptr<FakeWorker> CoordinatorFixture::StartWorker(
    FakeWorker::Options options) {
  return std::make_unique<FakeWorker>(stubs_->channel, std::move(options));
}

void CoordinatorFixture::CreateSmallStream(const std::string& name,
                                           double fraction) {
  const grpc::Status status =
      CreateStream(*stubs_->streams, name, SmallConfig(fraction));
  ASSERT_TRUE(status.ok()) << status.error_message();
}

v1::Chunk CoordinatorFixture::SubmitShard(const std::string& stream,
                                          const std::string& seed,
                                          bool probe_only) {
  const std::string shard = MakeShard(kShardSamples, seed);
  v1::SubmitChunkHeader header = HeaderOf(stream, shard);
  header.set_display_name(seed + ".tar");
  header.set_probe_only(probe_only);
  const Submission result = Submit(*stubs_->streams, header, shard);
  EXPECT_TRUE(result.status.ok()) << result.status.error_message();
  return result.response.chunk();
}

}  // namespace keel::testing
