// The coordinator's parts without server, network and threads: records and
// blobs in memory, the clock by hand.
#ifndef KEEL_TESTS_COORDINATOR_SERVICES_PARTS_FIXTURE_H_
#define KEEL_TESTS_COORDINATOR_SERVICES_PARTS_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "coordinator/services/chunk_receiver.h"
#include "coordinator/services/coordinator_parts.h"
#include "gtest/gtest.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/image_files.h"
#include "tests/testing/memory_blob_store.h"
#include "tests/testing/memory_store.h"
#include "tests/testing/tar_writer.h"

namespace keel::testing {

// Keeps what a worker is sent. Not thread-safe.
struct KeptMessages : MessageSink {
  void Send(v1::CoordinatorMessage message) override {
    messages.push_back(std::move(message));
  }
  void Cancel() override { cancelled = true; }
  int Count(v1::CoordinatorMessage::KindCase kind) const {
    int count = 0;
    for (const auto& message : messages) count += message.kind_case() == kind;
    return count;
  }

  std::vector<v1::CoordinatorMessage> messages;
  bool cancelled = false;
};

class PartsFixture : public ::testing::Test {
 protected:
  PartsFixture() {
    Environment environment;
    environment.store = &store_;
    environment.blobs = &blobs_;
    environment.metrics = &metrics_;
    environment.clock = &clock_;
    cluster_ = Cluster::Load(environment).value();
    parts_ = std::make_unique<CoordinatorParts>(*cluster_);
  }

  static v1::CreateStreamRequest StreamRequest(const std::string& name = "s") {
    v1::CreateStreamRequest request;
    request.set_name(name);
    request.set_request_id(absl::StrCat("create ", name));
    request.mutable_config()->mutable_model()->set_preset("tiny");
    request.mutable_config()->mutable_train()->set_epochs(2);
    request.mutable_config()->mutable_train()->set_global_batch(2);
    return request;
  }
  // A stream with one chunk of four samples, whose phase of four steps waits
  // for workers.
  void MakePhase(const std::string& stream = "s") {
    Submit(stream);
    ASSERT_TRUE(parts_->controller.Tick());
  }
  // The same, but the chunk still waits for its phase.
  void Submit(const std::string& stream) {
    ASSERT_TRUE(parts_->streams.Create(StreamRequest(stream)).ok());
    SubmitChunk(stream, stream);
  }
  // `content` makes it another chunk.
  void SubmitChunk(const std::string& stream, const std::string& content) {
    TarWriter tar;
    for (int i = 0; i < 4; ++i) {
      tar.Add(absl::StrCat(i, ".png"), PngFile(8, 8, absl::StrCat(content, i)));
      tar.Add(absl::StrCat(i, ".txt"), "a caption");
    }
    const std::string shard = tar.Finish();
    v1::SubmitChunkRequest header, frame;
    header.mutable_header()->set_stream(stream);
    header.mutable_header()->set_digest(Sha256Hex(shard));
    header.mutable_header()->set_size_bytes(shard.size());
    frame.mutable_frame()->set_data(shard);
    frame.mutable_frame()->set_crc32(Crc32(shard));
    std::vector<v1::SubmitChunkRequest> messages = {frame, header};
    ChunkReceiver receiver(*cluster_, parts_->streams);
    ASSERT_TRUE(receiver
                    .Receive([&](v1::SubmitChunkRequest* message) {
                      *message = messages.back();
                      messages.pop_back();
                      return true;
                    })
                    .ok());
  }
  // Attaches the first incarnation of `id`, again if it was there; it says that
  // it is in `generation` of phase s@1.
  std::shared_ptr<KeptMessages> Attach(const std::string& id,
                                       int64_t generation = 0) {
    auto sink = std::make_shared<KeptMessages>();
    v1::WorkerMessage hello;
    hello.set_incarnation(1);
    hello.mutable_hello()->mutable_worker()->set_id(id);
    hello.mutable_hello()->mutable_worker()->set_incarnation(1);
    hello.mutable_hello()->set_generation(generation);
    if (generation != 0) {
      hello.mutable_hello()->set_stream("s");
      hello.mutable_hello()->set_phase(1);
    }
    const auto session = parts_->workers.Attach(hello, sink);
    EXPECT_TRUE(session.ok());
    sessions_[id] = *session;
    return sink;
  }
  // A message of a worker that has attached.
  void Say(const std::string& id, v1::WorkerMessage message) {
    message.set_cluster_id(cluster_->cluster_id());
    message.set_incarnation(1);
    EXPECT_TRUE(parts_->workers.Handle(id, sessions_[id], message).ok());
  }
  void Heartbeat(const std::string& id, int64_t generation) {
    v1::WorkerMessage message;
    message.mutable_heartbeat()->set_generation(generation);
    Say(id, message);
  }
  void EndGroup(const std::string& id, int64_t generation,
                v1::GroupEnded::Outcome outcome) {
    v1::WorkerMessage message;
    message.mutable_group_ended()->set_generation(generation);
    message.mutable_group_ended()->set_outcome(outcome);
    Say(id, message);
  }
  // Reports the steps before `end`, with made-up sums.
  void ReportSteps(const std::string& id, int64_t generation, int64_t end) {
    v1::WorkerMessage message;
    message.mutable_step_reports()->set_generation(generation);
    for (int64_t step = 0; step < end; ++step) {
      message.mutable_step_reports()->add_steps()->set_step(step);
    }
    Say(id, message);
  }
  // Files of the phase, as its group would send them: name and content. A
  // manifest is the last.
  absl::Status AcceptFiles(
      const v1::JoinGroup& join, v1::ArtifactHeader::Kind kind,
      int64_t step_count,
      std::vector<std::pair<std::string, std::string>> contents = {}) {
    v1::ArtifactHeader header;
    header.set_cluster_id(cluster_->cluster_id());
    header.set_stream(join.stream());
    header.set_phase(join.phase());
    header.set_attempt(join.attempt());
    header.set_generation(join.generation());
    header.set_kind(kind);
    header.set_step_count(step_count);
    contents.emplace_back("keel_manifest.json", "{}");
    std::vector<v1::CheckpointFile> files;
    for (const auto& [name, content] : contents) {
      files.emplace_back().set_name(name);
      files.back().set_digest(Sha256Hex(content));
    }
    return parts_->artifacts.Accept(header, files);
  }
  absl::Status AcceptResult(const v1::JoinGroup& join, int64_t step_count) {
    return AcceptFiles(join, v1::ArtifactHeader::RESULT, step_count);
  }
  storage::v1::PhaseRecord PhaseOf(const std::string& stream, int number = 1) {
    auto state = cluster_->Lock();
    return state->FindPhase(stream, number).value()->record;
  }
  // As Attach, until a group has formed of it.
  std::shared_ptr<KeptMessages> AttachAndTrain(const std::string& id) {
    auto sink = Attach(id);
    clock_.Advance(PlannerOptions().join_window);
    EXPECT_TRUE(parts_->controller.Tick());
    return sink;
  }

  MemoryStore store_;
  MemoryBlobStore blobs_;
  NullMetrics metrics_;
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<CoordinatorParts> parts_;
  std::map<std::string, int64_t> sessions_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SERVICES_PARTS_FIXTURE_H_
