// An agent on a fake coordinator and a fake executor, with verbs for tests.
#ifndef KEEL_TESTS_WORKER_AGENT_AGENT_FIXTURE_H_
#define KEEL_TESTS_WORKER_AGENT_AGENT_FIXTURE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "keel/storage/v1/storage.pb.h"
#include "tests/testing/test_folder.h"
#include "tests/worker/agent/fake_coordinator.h"
#include "tests/worker/agent/fake_executor.h"
#include "worker/agent/agent.h"

namespace keel {

using Kind = v1::WorkerMessage::KindCase;

constexpr char kChunkBytes[] = "the bytes of a chunk";
// Between two looks at something that tells nobody of its change.
constexpr absl::Duration kPause = absl::Milliseconds(1);

class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    MakePlan();
    coordinator_ = std::make_unique<FakeCoordinator>(0, nullptr, Blobs());
    port_ = coordinator_->port();
  }
  ~AgentTest() override {
    if (!thread_.joinable()) return;
    agent_->Drain("the test ends");
    thread_.join();
  }

  // A phase of three samples in one chunk, six steps; a fourth is held out.
  void MakePlan() {
    storage::v1::ChunkIndex index;
    chunk_ = Sha256Hex(kChunkBytes);
    index.set_chunk_digest(chunk_);
    for (int i = 0; i < 4; ++i) index.add_samples();
    index_bytes_ = index.SerializeAsString();
    storage::v1::PhasePlan plan;
    plan.set_phase(1);
    plan.set_sample_count(3);
    plan.set_step_count(6);
    storage::v1::PlannedChunk& chunk = *plan.add_chunks();
    chunk.set_chunk_digest(chunk_);
    chunk.set_chunk_size_bytes(20);
    chunk.add_probe_ordinals(2);
    chunk.set_index_digest(Sha256Hex(index_bytes_));
    chunk.set_index_size_bytes(static_cast<int64_t>(index_bytes_.size()));
    plan_bytes_ = plan.SerializeAsString();
  }
  std::vector<std::string> Blobs() const {
    return {kChunkBytes, index_bytes_, plan_bytes_};
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
    coordinator_ =
        std::make_unique<FakeCoordinator>(port_, std::move(greeter), Blobs());
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
    *order.mutable_plan() = Blob(plan_bytes_);
    return message;
  }
  v1::BlobRef Blob(const std::string& bytes) {
    v1::BlobRef ref;
    ref.set_digest(coordinator_->AddBlob(bytes));
    ref.set_size_bytes(static_cast<int64_t>(bytes.size()));
    return ref;
  }
  // An order for task `id`; of which kind is left open.
  v1::CoordinatorMessage Task(const std::string& id) {
    v1::CoordinatorMessage message = coordinator_->Message();
    message.mutable_run_task()->set_task_id(id);
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
    while (!context.stop_requested()) absl::SleepFor(kPause);
    return absl::CancelledError("asked to");
  }

  const TestFolder folder_;
  const std::string directory_ = folder_.Path("state");
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

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_AGENT_AGENT_FIXTURE_H_
