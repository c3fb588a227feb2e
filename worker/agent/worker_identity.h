// What a worker keeps over its restarts: who it is, how often it started, to
// which cluster it belongs. docs/formats/checkpoint.md says the files' names.
#ifndef KEEL_WORKER_AGENT_WORKER_IDENTITY_H_
#define KEEL_WORKER_AGENT_WORKER_IDENTITY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/file_system.h"

namespace keel {

// Holds the state folder's lock as long as it lives. Thread-safe.
class WorkerIdentity {
 public:
  // Creates the folder if it is missing and starts the next incarnation, which
  // is durable on return; the first one is counted from `now`, in microseconds
  // since 1970. `id` empty: the stored one, or a new random one.
  // FAILED_PRECONDITION: another process uses the folder, or it belongs to a
  // worker of another id. DATA_LOSS: the incarnation's file is damaged.
  static absl::StatusOr<std::unique_ptr<WorkerIdentity>> Open(
      const std::string& directory, const std::string& id, absl::Time now);

  const std::string& id() const { return id_; }
  int64_t incarnation() const { return incarnation_; }
  // Empty until the first coordinator was met.
  std::string cluster_id() const ABSL_LOCKS_EXCLUDED(mu_);
  // Remembers the first cluster durably. ABORTED (CLUSTER_MISMATCH): it
  // belongs to another one.
  absl::Status JoinCluster(const std::string& cluster_id)
      ABSL_LOCKS_EXCLUDED(mu_);

  std::string cache_directory() const { return JoinPath(directory_, "cache"); }
  // Folders of jobs; emptied at each start.
  std::string scratch_directory() const {
    return JoinPath(directory_, "scratch");
  }

 private:
  WorkerIdentity(std::string directory, std::unique_ptr<FileLock> lock);
  absl::Status LoadId(const std::string& wanted);
  absl::Status StartIncarnation(absl::Time now);
  absl::Status LoadCluster();

  const std::string directory_;
  const std::unique_ptr<FileLock> lock_;
  // Constant after Open.
  std::string id_;
  int64_t incarnation_ = 0;

  mutable absl::Mutex mu_;
  std::string cluster_id_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_WORKER_IDENTITY_H_
