// One order of the coordinator, carried out on the job thread.
#ifndef KEEL_WORKER_AGENT_JOB_H_
#define KEEL_WORKER_AGENT_JOB_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "keel/v1/worker.pb.h"
#include "worker/agent/artifact_uploader.h"
#include "worker/agent/blob_cache.h"
#include "worker/agent/blob_fetcher.h"
#include "worker/agent/job_position.h"
#include "worker/agent/rendezvous_client.h"
#include "worker/agent/send_queue.h"
#include "worker/agent/stop_signal.h"
#include "worker/agent/worker_identity.h"
#include "worker/seam/executor.h"

namespace keel {

// What every job works with; all outlive the jobs. `executor` belongs to the
// job thread.
struct JobResources {
  Executor& executor;
  BlobCache& cache;
  BlobFetcher& fetcher;
  ArtifactUploader& uploader;
  SendQueue& send_queue;
  WorkerIdentity& identity;
};

// Run is called once, on the job thread; everything else is thread-safe.
class Job {
 public:
  virtual ~Job() = default;
  // Works until done or stopped; what the coordinator is to be told. Lets no
  // exception escape.
  virtual v1::WorkerMessage Run() = 0;
  // What the coordinator is to be told of a job that was never run.
  virtual v1::WorkerMessage Refuse(std::string_view reason) const = 0;
  virtual JobPosition position() const = 0;
  // The group's rendezvous; null for a task.
  virtual RendezvousClient* rendezvous() { return nullptr; }

  // Cancels, and wakes whoever waits in the rendezvous.
  void Cancel(std::string_view reason) {
    stop_.Cancel(reason);
    if (rendezvous() != nullptr) rendezvous()->Close(reason);
  }
  StopSignal& stop() { return stop_; }
  const StopSignal& stop() const { return stop_; }

 private:
  StopSignal stop_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_JOB_H_
