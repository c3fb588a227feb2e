// A worker without a model: attaches, "trains" by reporting the steps that
// the plan asks for, uploads made-up files, and answers tasks. Its stream is
// opened again when it breaks, as a real worker's.
#ifndef KEEL_TESTS_COORDINATOR_SERVICES_FAKE_WORKER_H_
#define KEEL_TESTS_COORDINATOR_SERVICES_FAKE_WORKER_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/worker.grpc.pb.h"

namespace keel::testing {

// Thread-safe. The destructor ends the stream and joins.
class FakeWorker {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  struct Options {
    std::string id = "worker-a";
    int64_t incarnation = 1;
    // Steps from here on are reported only after Release.
    int64_t hold_at = kNever;
    // This step's hash is off by one.
    int64_t wrong_hash_at = kNever;
    // For each epoch the sample that does not decode in it.
    std::vector<int64_t> struck_by_epoch;
    // Uploads initial weights, if there is no parent.
    bool upload_initial = false;
    // Says this of each group instead of training.
    std::string fail_with;
    // After this step was acknowledged, a resume point is uploaded.
    int64_t resume_point_at = kNever;
  };

  // What the test can see of it.
  struct View {
    std::string cluster_id;
    v1::JoinGroup join;
    std::vector<int64_t> start_steps;  // of all groups joined
    int64_t acknowledged = 0;
    int attach_count = 0;
    bool adopted = false;
    bool finished = false;
    int tasks_done = 0;
    int leave_count = 0;
    bool resume_point_uploaded = false;
    // How the last stream ended, and the last upload.
    grpc::Status stream_status;
    grpc::Status upload_status;
  };

  FakeWorker(std::shared_ptr<grpc::Channel> channel, Options options);
  ~FakeWorker();

  View view();
  // False after 20 seconds.
  bool WaitFor(const std::function<bool(const View&)>& condition);
  // Reports the steps that were held back.
  void Release();

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>;

  void Run();
  void RunStream();
  void Send(v1::WorkerMessage message) ABSL_LOCKS_EXCLUDED(mu_);
  v1::WorkerMessage Hello();
  void Handle(const v1::CoordinatorMessage& message);
  void Join(const v1::JoinGroup& join);
  void ReportSteps();
  void HandleAck(const v1::StepAck& ack);
  void UploadFiles(v1::ArtifactHeader::Kind kind, int64_t step_count);
  void EndGroup(v1::GroupEnded::Outcome outcome, const std::string& message);
  void RunTask(const v1::RunTask& task);
  void Change(const std::function<void(View&)>& change);
  bool stopping();

  const Options options_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;

  absl::Mutex mu_;
  View view_ ABSL_GUARDED_BY(mu_);
  int64_t hold_at_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::StepReport> steps_ ABSL_GUARDED_BY(mu_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  Stream* stream_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// All bytes of a blob.
std::string ReadBlob(v1::WorkerService::Stub& stub, const std::string& digest);

// What a worker that loads correctly reports for every step of the plan, if
// in each epoch one sample does not decode.
std::vector<v1::StepReport> ReportsOf(
    v1::WorkerService::Stub& stub, const v1::BlobRef& plan,
    const std::vector<int64_t>& struck_by_epoch = {});

// Uploads `files` (name, bytes) and returns how it went.
grpc::Status UploadArtifact(
    v1::WorkerService::Stub& stub, const v1::ArtifactHeader& header,
    const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SERVICES_FAKE_WORKER_H_
