// The agent half of a worker: attaches to the coordinator and carries out its
// orders with an Executor.
#ifndef KEEL_WORKER_AGENT_AGENT_H_
#define KEEL_WORKER_AGENT_AGENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "keel/v1/worker.pb.h"
#include "worker/agent/artifact_uploader.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/blob_fetcher.h"
#include "worker/agent/coordinator_link.h"
#include "worker/agent/job.h"
#include "worker/agent/job_runner.h"
#include "worker/agent/send_queue.h"
#include "worker/agent/worker_identity.h"
#include "worker/seam/executor.h"

namespace keel {

class Agent : private CoordinatorLink::Delegate {
 public:
  struct Options {
    // Identity, cache, and folders of running jobs.
    std::string state_directory;
    // Empty: the stored id, or a new random one.
    std::string id;
    CoordinatorLink::Options link;
    SendQueue::Options send_queue;
    BlobFetcher::Options fetcher;
    ArtifactUploader::Options uploader;
    int64_t cache_capacity_bytes = int64_t{20} << 30;
    // Told to the coordinator; 0: no metrics are served.
    int metrics_port = 0;
    // How long a cancelled job may take at least; the coordinator's
    // evict_after if that is longer.
    absl::Duration min_cancel_grace = absl::Seconds(5);
    // A drain waits this long for a coordinator that is away.
    absl::Duration drain_grace = absl::Seconds(30);
    // Ends the process at once: a cancelled job that hangs cannot be helped
    // otherwise. Code 3 asks a supervisor for a new incarnation.
    std::function<void(int code)> exit_process;

    // INVALID_ARGUMENT: names the field.
    absl::Status Validate() const;
  };
  static constexpr int kHangExitCode = 3;

  // `executor` outlives the agent; it is used by one thread at a time.
  // FAILED_PRECONDITION: the state folder is in use.
  static absl::StatusOr<std::unique_ptr<Agent>> Create(const Options& options,
                                                       Executor& executor);
  ~Agent() override;

  const std::string& id() const { return identity_->id(); }
  int64_t incarnation() const { return identity_->incarnation(); }

  // Works until drained (OK). ABORTED: the coordinator refused this worker for
  // good (another cluster, or a newer incarnation of it); the message says so.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Lets Run end: the job that runs leaves at its next step boundary, the task
  // is given back. Thread-safe; does not block.
  void Drain(std::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Agent(const Options& options, Executor& executor,
        std::unique_ptr<WorkerIdentity> identity);
  absl::Status OpenCache();

  v1::Hello MakeHello() override ABSL_LOCKS_EXCLUDED(mu_);
  v1::Heartbeat MakeHeartbeat() override;
  void OnMessage(const v1::CoordinatorMessage& message) override;
  void OnDisconnected(const absl::Status& status) override;

  void OnWelcome(const v1::Welcome& welcome) ABSL_LOCKS_EXCLUDED(mu_);
  void OnStoreReply(const v1::StoreReply& reply);
  // Where the newest job stands; generation 0 and no task: idle.
  JobPosition Position() const;
  void OnJobEnded(const Job& job, v1::WorkerMessage outcome, bool ran);
  JobResources resources();
  // Forgets a generation that the coordinator does not know any more.
  void GiveUp(int64_t generation);
  // Ends the process if a cancelled job hangs.
  void CheckOverdue() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration cancel_grace() const ABSL_LOCKS_EXCLUDED(mu_);
  bool IsAwayTooLong() const ABSL_LOCKS_EXCLUDED(mu_);
  // Ends what runs after the line ended for good.
  void CancelAndWait(std::string_view reason);
  // Queues the last message.
  void SayFarewell() ABSL_LOCKS_EXCLUDED(mu_);
  // True once the job that runs is the last one.
  bool draining() const ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  Executor& executor_;
  const std::unique_ptr<WorkerIdentity> identity_;
  const v1::Worker description_;
  SendQueue send_queue_;
  BlobFetcher fetcher_;
  ArtifactUploader uploader_;
  std::unique_ptr<BlobCache> cache_;
  CoordinatorLink link_;
  absl::Notification line_ended_;

  mutable absl::Mutex mu_;
  absl::Duration evict_after_ ABSL_GUARDED_BY(mu_);
  // Generation that the last hello named.
  int64_t announced_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  // Not empty: a drain was asked for.
  std::string drain_reason_ ABSL_GUARDED_BY(mu_);
  // When the line was lost; InfiniteFuture while it is open.
  absl::Time away_since_ ABSL_GUARDED_BY(mu_);

  // Last: its thread uses everything above.
  JobRunner runner_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_AGENT_H_
