// `keel up`: a coordinator and some CPU workers on this machine, watched over
// and drained together.
#ifndef KEEL_COORDINATOR_CLIENT_LOCAL_CLUSTER_H_
#define KEEL_COORDINATOR_CLIENT_LOCAL_CLUSTER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/file_system.h"
#include "coordinator/client/child_process.h"

namespace keel {

// Not thread-safe: all calls come from one thread.
class LocalCluster {
 public:
  struct Options {
    int workers = 2;
    // Holds coordinator/, worker-N/ and logs/.
    std::string state_dir;
    std::string host = "127.0.0.1";
    int port = 7117;
    // The coordinator's; workers take the next ones.
    int metrics_port = 9117;
    // Per worker; 0: the machine's cores shared out.
    int threads = 0;
    // Folder of keel-coordinator and keel-worker.
    std::string program_dir;
    absl::Duration start_timeout = absl::Seconds(30);
    // For the workers, then for the coordinator, before they are killed.
    absl::Duration drain_timeout = absl::Seconds(60);
    // Before a program that failed is started again; doubled each time it
    // fails at once.
    absl::Duration restart_delay = absl::Seconds(1);
    // Failures in a row, none of which lived for `steady_after`, after which
    // the cluster is given up.
    int max_failures = 5;
    absl::Duration steady_after = absl::Seconds(10);
    // Told what happens, one line at a time.
    std::function<void(const std::string&)> tell;

    // INVALID_ARGUMENT names the option.
    absl::Status Validate() const;
  };

  // NOT_FOUND: a program is missing. FAILED_PRECONDITION: another cluster runs
  // on the state folder.
  static absl::StatusOr<std::unique_ptr<LocalCluster>> Create(Options options);

  // Starts the coordinator, waits until it listens, and starts the workers.
  absl::Status Start();
  // One look at all of them: starts again what failed (a program that ended
  // with exit code 0 was asked to, and stays down). An error: the cluster
  // cannot go on, Drain is to be called.
  absl::Status Watch();
  // SIGTERM to the workers, then to the coordinator, and waits for them; kills
  // what does not end in time. `hurry` is asked meanwhile: true sends the
  // signal once more, which ends them at once.
  void Drain(const std::function<bool()>& hurry);

  // Lines for a person: where everything is.
  std::vector<std::string> Describe() const;

 private:
  // A program that is to run.
  struct Server {
    std::string name;
    std::vector<std::string> arguments;
    std::string log_path;
    std::unique_ptr<ChildProcess> process;
    absl::Time start_time;
    // When it is to be started again; InfiniteFuture: not.
    absl::Time restart_time = absl::InfiniteFuture();
    int failures = 0;
  };

  LocalCluster(Options options, std::unique_ptr<FileLock> lock);
  void AddCoordinator();
  void AddWorker(int index);
  absl::Status Launch(Server& server);
  absl::Status WaitUntilListening(Server& coordinator);
  absl::Status WatchServer(Server& server);
  absl::Status NoteEnd(Server& server);
  void DrainServers(size_t begin, size_t end,
                    const std::function<bool()>& hurry);
  void Tell(const std::string& line) const;

  const Options options_;
  const std::unique_ptr<FileLock> lock_;
  // The coordinator, then the workers.
  std::vector<Server> servers_;
};

// Runs a cluster until SIGINT or SIGTERM, then drains it. Blocks these signals
// in the calling thread.
absl::Status RunLocalCluster(LocalCluster::Options options);

// The folder of the running program.
std::string ProgramDirectory();

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_LOCAL_CLUSTER_H_
