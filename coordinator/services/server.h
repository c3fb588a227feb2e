// The coordinator as one object: its state folder, its services, its loop.
#ifndef KEEL_COORDINATOR_SERVICES_SERVER_H_
#define KEEL_COORDINATOR_SERVICES_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/metrics/registry.h"
#include "coordinator/core/planner.h"

namespace keel {

// The process's exit code after an error of the disk under the database: what
// is durable is then unknown, and a restart reads it.
inline constexpr int kStoreExitCode = 4;

// Thread-safe. The destructor shuts down at once.
class CoordinatorServer {
 public:
  struct Options {
    // host:port; port 0 takes a free one. Plaintext: keep it on loopback or in
    // a private network.
    std::string listen_address = "127.0.0.1:7117";
    // Holds the database, the blobs and the lock; made if it is missing.
    std::string state_dir;
    PlannerOptions planner;
    absl::Duration heartbeat_every = absl::Seconds(1);
    int64_t min_free_bytes = int64_t{1} << 30;
    // Each attached worker, watcher and transfer holds one thread; a call
    // beyond this is RESOURCE_EXHAUSTED.
    int max_threads = 1024;
    // Largest message either way; frames are 1 MiB.
    int max_message_bytes = 16 << 20;

    // INVALID_ARGUMENT names the value.
    absl::Status Validate() const;
  };

  // Takes the folder, loads the state, binds the address and serves.
  // `metrics` outlives it. FAILED_PRECONDITION: another process has the
  // folder (its pid is in the message). UNAVAILABLE: the address is taken.
  static absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(
      const Options& options, Metrics* metrics);
  virtual ~CoordinatorServer() = default;

  // The port that was bound.
  virtual int port() const = 0;
  virtual const std::string& cluster_id() const = 0;
  // Ends: workers' streams and watches at once, other calls within `grace`.
  // Blocks. What was acknowledged is durable anyway. Repeatable.
  virtual void Shutdown(absl::Duration grace) = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_SERVER_H_
