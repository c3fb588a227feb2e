// A coordinator in the test's process: real database and blobs in a temporary
// folder, real gRPC on a free loopback port.
#ifndef KEEL_TESTS_COORDINATOR_SERVICES_COORDINATOR_FIXTURE_H_
#define KEEL_TESTS_COORDINATOR_SERVICES_COORDINATOR_FIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "coordinator/services/server.h"
#include "gtest/gtest.h"
#include "keel/v1/checkpoint.grpc.pb.h"
#include "keel/v1/phase.grpc.pb.h"
#include "keel/v1/stream.grpc.pb.h"
#include "keel/v1/worker.grpc.pb.h"
#include "tests/coordinator/services/fake_worker.h"

namespace keel::testing {

// The four services of a coordinator.
struct Stubs {
  explicit Stubs(int port);

  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::StreamService::Stub> streams;
  std::unique_ptr<v1::PhaseService::Stub> phases;
  std::unique_ptr<v1::CheckpointService::Stub> checkpoints;
  std::unique_ptr<v1::WorkerService::Stub> workers;
};

// The machine-readable reason of a refusal.
std::string ReasonIn(const grpc::Status& status);

// A shard of `count` samples; other seeds give other bytes.
std::string MakeShard(int count, const std::string& seed);

v1::SubmitChunkHeader HeaderOf(const std::string& stream,
                               const std::string& shard);

// Sends `shard` from `header.offset` on, `frame_bytes` at a time, and at most
// `limit` bytes of it.
struct Submission {
  grpc::Status status;
  v1::SubmitChunkResponse response;
};
Submission Submit(v1::StreamService::Stub& stub,
                  const v1::SubmitChunkHeader& header, const std::string& shard,
                  size_t frame_bytes = 1000, size_t limit = std::string::npos);

// Two epochs in batches of four; probes by `fraction`.
v1::StreamConfig SmallConfig(double fraction = 0);
grpc::Status CreateStream(v1::StreamService::Stub& stub,
                          const std::string& name,
                          const v1::StreamConfig& config);

// The phase once it is in `state`, or its last state before the deadline of 20
// seconds.
v1::Phase AwaitPhase(v1::PhaseService::Stub& stub, const std::string& stream,
                     int number, v1::Phase::State state);

class CoordinatorFixture : public ::testing::Test {
 protected:
  CoordinatorFixture();
  ~CoordinatorFixture() override;

  // Starts the server (again); the port stays the same, the stubs are new.
  void StartServer();
  void StopServer();
  std::unique_ptr<FakeWorker> StartWorker(FakeWorker::Options options = {});

  Stubs& stubs() { return *stubs_; }
  CoordinatorServer& server() { return *server_; }
  // Created with the config, which is SmallConfig().
  void CreateSmallStream(const std::string& name, double fraction = 0);
  // Submits a shard of ten samples.
  v1::Chunk SubmitShard(const std::string& stream, const std::string& seed,
                        bool probe_only = false);

  CoordinatorServer::Options options_;
  NullMetrics metrics_;

 private:
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<Stubs> stubs_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SERVICES_COORDINATOR_FIXTURE_H_
