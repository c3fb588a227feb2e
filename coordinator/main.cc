// keel-coordinator: owns streams, phases and checkpoints, and directs workers.
#include <signal.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log.h"
#include "common/metrics/names.h"
#include "common/metrics/registry.h"
#include "common/status_macros.h"
#include "coordinator/services/server.h"

ABSL_FLAG(std::string, listen, "127.0.0.1:7117",
          "host:port to serve on; port 0 takes a free one. Plaintext: keep it "
          "on loopback or in a private network");
ABSL_FLAG(std::string, state_dir, "", "folder of all durable state; required");
ABSL_FLAG(std::string, metrics_listen, "127.0.0.1:9117",
          "host:port of /metrics; port 0 takes a free one");
ABSL_FLAG(absl::Duration, evict_after, absl::Seconds(5),
          "a worker that is silent for this long is lost");
ABSL_FLAG(absl::Duration, heartbeat_every, absl::Seconds(1),
          "how often workers report that they live");
ABSL_FLAG(absl::Duration, join_window, absl::Seconds(2),
          "how long a group waits for further workers before it forms");
ABSL_FLAG(absl::Duration, orphan_grace, absl::Seconds(10),
          "how long a phase waits for members that are all lost");
ABSL_FLAG(absl::Duration, recovery_window, absl::Seconds(15),
          "how long members may come back after a restart of the coordinator");
ABSL_FLAG(absl::Duration, task_lease, absl::Minutes(10),
          "how long a worker may take for a task");
ABSL_FLAG(int64_t, min_free_bytes, int64_t{1} << 30,
          "uploads that would leave less free disk are refused");
ABSL_FLAG(int, max_threads, 1024,
          "threads for calls; each worker, watcher and transfer holds one");
ABSL_FLAG(bool, verbose, false, "log at debug level");

namespace keel {
namespace {

// How long calls may go on after the signal to stop.
constexpr absl::Duration kGrace = absl::Seconds(5);

CoordinatorServer::Options OptionsFromFlags() {
  CoordinatorServer::Options options;
  options.listen_address = absl::GetFlag(FLAGS_listen);
  options.state_dir = absl::GetFlag(FLAGS_state_dir);
  options.planner.evict_after = absl::GetFlag(FLAGS_evict_after);
  options.planner.join_window = absl::GetFlag(FLAGS_join_window);
  options.planner.orphan_grace = absl::GetFlag(FLAGS_orphan_grace);
  options.planner.recovery_window = absl::GetFlag(FLAGS_recovery_window);
  options.planner.task_lease = absl::GetFlag(FLAGS_task_lease);
  options.heartbeat_every = absl::GetFlag(FLAGS_heartbeat_every);
  options.min_free_bytes = absl::GetFlag(FLAGS_min_free_bytes);
  options.max_threads = absl::GetFlag(FLAGS_max_threads);
  return options;
}

// Before any thread is started, so that all of them leave the signals to
// WaitForSignal.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

absl::Status Run() {
  const sigset_t signals = BlockSignals();
  MetricsServer::Options metrics_options;
  metrics_options.address = absl::GetFlag(FLAGS_metrics_listen);
  KEEL_ASSIGN_OR_RETURN(
      std::unique_ptr<MetricsServer> metrics,
      MetricsServer::Create(metrics_options, CoordinatorMetrics()));
  KEEL_ASSIGN_OR_RETURN(
      std::unique_ptr<CoordinatorServer> server,
      CoordinatorServer::Start(OptionsFromFlags(), metrics.get()));
  LogInfo("serving", {{"port", absl::StrCat(server->port())},
                      {"metrics_port", absl::StrCat(metrics->port())},
                      {"cluster", server->cluster_id()}});
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  LogInfo("shutting down", {{"signal", absl::StrCat(signal_number)}});
  // A second signal ends the process at once.
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  server->Shutdown(kGrace);
  return absl::OkStatus();
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "The coordinator of Keel. keel-coordinator --state_dir=DIR");
  absl::ParseCommandLine(argc, argv);
  keel::SetLogName("coordinator");
  if (absl::GetFlag(FLAGS_verbose)) keel::SetLogLevel(keel::LogLevel::kDebug);
  if (absl::Status status = keel::Run(); !status.ok()) {
    keel::LogError("cannot run", {{"error", status.ToString()}});
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
