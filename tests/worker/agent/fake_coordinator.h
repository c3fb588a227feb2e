// A WorkerService on a loopback port, scripted by a test.
#ifndef KEEL_TESTS_WORKER_AGENT_FAKE_COORDINATOR_H_
#define KEEL_TESTS_WORKER_AGENT_FAKE_COORDINATOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "keel/v1/worker.grpc.pb.h"

namespace keel {

// Longer than any test needs; a wait that reaches it has failed.
constexpr absl::Duration kPatience = absl::Seconds(30);

// One Attach stream, as the coordinator sees it. Thread-safe.
class FakeSession {
 public:
  using Kind = v1::WorkerMessage::KindCase;
  using Stream =
      grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>;

  explicit FakeSession(Stream* stream) : stream_(stream) {}

  const v1::WorkerMessage& hello() const { return hello_; }
  void Send(const v1::CoordinatorMessage& message) ABSL_LOCKS_EXCLUDED(mu_);
  // The next message of that kind, in order among its kind; an empty message
  // if the stream ended first.
  v1::WorkerMessage Next(Kind kind) ABSL_LOCKS_EXCLUDED(mu_);
  bool WaitForEnd() ABSL_LOCKS_EXCLUDED(mu_);
  // Kinds in order of arrival, without heartbeats.
  std::vector<Kind> kinds() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class FakeCoordinator;
  bool ReadHello();
  // Until the worker closes or the stream breaks.
  void ReadAll() ABSL_LOCKS_EXCLUDED(mu_);
  void End() ABSL_LOCKS_EXCLUDED(mu_);

  v1::WorkerMessage hello_;
  mutable absl::Mutex mu_;
  Stream* stream_ ABSL_GUARDED_BY(mu_);
  std::deque<v1::WorkerMessage> received_ ABSL_GUARDED_BY(mu_);
  std::vector<Kind> kinds_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

// Thread-safe.
class FakeCoordinator : public v1::WorkerService::Service {
 public:
  // What to do with a hello: a status that is not OK ends the stream; else the
  // welcome is sent.
  using Greeter = std::function<grpc::Status(const v1::WorkerMessage& hello,
                                             v1::Welcome* welcome)>;
  // An upload's answer; called with what was received.
  struct Uploaded {
    v1::ArtifactHeader header;
    std::vector<v1::CheckpointFile> files;
    std::vector<std::string> bytes;
  };
  using UploadHandler = std::function<grpc::Status(const Uploaded&)>;

  // Port 0: a free one. Workers that wait for it meet the greeter and the
  // blobs at once.
  explicit FakeCoordinator(int port = 0, Greeter greeter = nullptr,
                           const std::vector<std::string>& blobs = {});
  ~FakeCoordinator() override;

  std::string address() const;
  int port() const { return port_; }
  std::string cluster_id = "cluster-a";

  void SetGreeter(Greeter greeter) ABSL_LOCKS_EXCLUDED(mu_);
  void SetUploadHandler(UploadHandler handler) ABSL_LOCKS_EXCLUDED(mu_);
  // Returns the digest.
  std::string AddBlob(const std::string& bytes) ABSL_LOCKS_EXCLUDED(mu_);
  // Serves `bytes` under a digest that is not theirs.
  void AddWrongBlob(const std::string& digest, const std::string& bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The next ReadBlob calls break off after one frame, this often.
  // `await_arrival` returns when the client has the bytes before `end`, which
  // the error could overtake.
  void BreakReads(int count, std::function<void(int64_t end)> await_arrival)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Every ReadBlob so far.
  std::vector<v1::ReadBlobRequest> reads() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<Uploaded> uploads() const ABSL_LOCKS_EXCLUDED(mu_);
  // The next session whose hello was answered; null if none came.
  std::shared_ptr<FakeSession> NextSession() ABSL_LOCKS_EXCLUDED(mu_);

  v1::CoordinatorMessage Message() const;

  grpc::Status Attach(grpc::ServerContext* context,
                      FakeSession::Stream* stream) override;
  grpc::Status ReadBlob(
      grpc::ServerContext* context, const v1::ReadBlobRequest* request,
      grpc::ServerWriter<v1::ReadBlobResponse>* writer) override;
  grpc::Status UploadArtifact(
      grpc::ServerContext* context,
      grpc::ServerReader<v1::UploadArtifactRequest>* reader,
      v1::UploadArtifactResponse* response) override;

 private:
  mutable absl::Mutex mu_;
  Greeter greeter_ ABSL_GUARDED_BY(mu_);
  UploadHandler upload_handler_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mu_);
  int breaks_ ABSL_GUARDED_BY(mu_) = 0;
  std::function<void(int64_t end)> await_arrival_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::ReadBlobRequest> reads_ ABSL_GUARDED_BY(mu_);
  std::vector<Uploaded> uploads_ ABSL_GUARDED_BY(mu_);
  std::deque<std::shared_ptr<FakeSession>> sessions_ ABSL_GUARDED_BY(mu_);

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_AGENT_FAKE_COORDINATOR_H_
