// The cluster's state behind one lock, and the one way to change it durably.
//
// Lock order: this lock before a session's own. Under it nothing is called
// that waits for a peer; what does touch the disk under it are the database's
// commits (so that memory never runs ahead of what is durable), its reads when
// a phase ends, and the unlinking of blobs.
#ifndef KEEL_COORDINATOR_SERVICES_CLUSTER_H_
#define KEEL_COORDINATOR_SERVICES_CLUSTER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/metrics/registry.h"
#include "coordinator/core/planner.h"
#include "coordinator/services/cluster_state.h"
#include "coordinator/services/disk_guard.h"
#include "coordinator/services/edit.h"
#include "coordinator/store/blob_store.h"
#include "coordinator/store/crash_point.h"
#include "coordinator/store/store.h"

namespace keel {

// What the cluster works with; all outlive it.
struct Environment {
  Store* store = nullptr;
  BlobStore* blobs = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  PlannerOptions planner;
  // How often workers are told to report that they live.
  absl::Duration heartbeat_every = absl::Seconds(1);
  // Largest message that is sent.
  int64_t max_message_bytes = 16 << 20;
  // Uploads of users are refused once less than this would stay free.
  int64_t min_free_bytes = int64_t{1} << 30;
  // The database cannot be trusted any more: only a restart, which reads what
  // is really there, helps. Empty: the process goes on, every commit fails.
  std::function<void(const absl::Status&)> on_fatal;
};

// Thread-safe.
class Cluster {
 public:
  // Loads the stored state. DATA_LOSS: a record does not parse.
  static absl::StatusOr<std::unique_ptr<Cluster>> Load(Environment environment);

  // The state, for as long as this lives: it holds the lock.
  class Access {
   public:
    explicit Access(Cluster& cluster)
        : cluster_(cluster), lock_(&cluster.mu_) {}
    ClusterState& operator*() const {
      cluster_.mu_.AssertHeld();
      return cluster_.state_;
    }
    ClusterState* operator->() const { return &**this; }
    // Lets go of the lock until Notify or `timeout`.
    void WaitForChange(absl::Duration timeout) const {
      Relockable lock(cluster_.mu_);
      cluster_.changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout));
    }

   private:
    // The mutex as the standard library wants it.
    struct Relockable {
      explicit Relockable(absl::Mutex& m) : mu(m) {}
      void lock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.Lock(); }
      void unlock() ABSL_NO_THREAD_SAFETY_ANALYSIS { mu.Unlock(); }
      absl::Mutex& mu;
    };

    Cluster& cluster_;
    absl::MutexLock lock_;
  };
  Access Lock() { return Access(*this); }

  // Makes the edit durable, then applies it to `state`. On an error nothing
  // has changed.
  // INTERNAL and DATA_LOSS leave open what is durable: Environment::on_fatal is
  // called.
  absl::Status Commit(ClusterState& state, const Edit& edit);
  // An empty edit, dated now; `fact` says what it makes durable, and is one of
  // keel::durable.
  Edit NewEdit(std::string_view fact) const { return Edit(fact, Now()); }

  // Wakes the ticker and everyone in WaitForChange.
  void Notify() {
    ++change_count_;
    changed_.notify_all();
  }
  // How often Notify was called.
  int64_t change_count() const { return change_count_; }
  absl::Time Now() const { return environment_.clock->Now(); }
  const Environment& env() const { return environment_; }
  const std::string& cluster_id() const { return cluster_id_; }
  DiskGuard& disk_guard() { return disk_guard_; }

  // What unfinished uploads brought, and uploaded checkpoints, are kept for so
  // long; streams keep the files that they started from.
  static constexpr absl::Duration kUploadLifetime = absl::Hours(24 * 7);
  // Removes those that were not touched for longer than `age`; uploads that
  // go on are none of them.
  absl::Status ForgetOldUploads(absl::Duration age);
  // The same, and deletes the blobs that a crash left behind.
  absl::Status Sweep(absl::Duration age);
  // Deletes those blobs that no record names and no upload relies on.
  void DeleteUnreferenced(const ClusterState& state,
                          const std::vector<std::string>& digests);

 private:
  explicit Cluster(Environment environment)
      : environment_(std::move(environment)),
        disk_guard_(environment_.blobs, environment_.min_free_bytes) {}

  const Environment environment_;
  DiskGuard disk_guard_;
  std::string cluster_id_;  // constant after Load

  std::atomic<int64_t> change_count_{0};

  absl::Mutex mu_;
  // Abseil's would wait by the wall clock: a step back would stop the ticker.
  std::condition_variable_any changed_;
  ClusterState state_ ABSL_GUARDED_BY(mu_);  // reached through Access only
};

// Keeps blobs from being deleted while an upload relies on them. Those that no
// record names in the end, and no other upload relies on, are deleted. Not
// thread-safe; takes the cluster's lock.
class BlobPins {
 public:
  explicit BlobPins(Cluster& cluster) : cluster_(cluster) {}
  ~BlobPins();
  BlobPins(const BlobPins&) = delete;
  BlobPins& operator=(const BlobPins&) = delete;

  void Pin(const std::string& digest);
  // What is there of them stays, for an upload that goes on later.
  void KeepAll() { keep_ = true; }

 private:
  Cluster& cluster_;
  std::vector<std::string> digests_;
  bool keep_ = false;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_CLUSTER_H_
