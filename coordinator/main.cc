// keel-coordinator: owns streams, phases and checkpoints, and directs workers.
#include <signal.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log.h"
#include "common/metrics/names.h"
#include "common/metrics/registry.h"
#include "common/status_macros.h"
#include "coordinator/services/server.h"

namespace keel {
namespace {

// How long calls may go on after the signal to stop.
constexpr absl::Duration kGrace = absl::Seconds(5);

// What the command line says; durations in seconds.
struct Flags {
  CoordinatorServer::Options server;
  MetricsServer::Options metrics = {.address = "127.0.0.1:9117"};
  double evict_after = 5;
  double heartbeat_every = 1;
  double join_window = 2;
  double orphan_grace = 10;
  double recovery_window = 15;
  double task_lease = 600;
  bool verbose = false;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.server.listen_address,
                 "host:port to serve on; port 0 takes a free one. Plaintext: "
                 "keep it on loopback or in a private network")
      ->capture_default_str();
  app.add_option("--state-dir", flags.server.state_dir,
                 "folder of all durable state")
      ->required();
  app.add_option("--metrics-listen", flags.metrics.address,
                 "host:port of /metrics; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--min-free-bytes", flags.server.min_free_bytes,
                 "uploads that would leave less free disk are refused")
      ->capture_default_str();
  app.add_option("--max-threads", flags.server.max_threads,
                 "threads for calls; each worker, watcher and transfer holds "
                 "one")
      ->capture_default_str();
  app.add_flag("--verbose", flags.verbose, "log at debug level");
}

void AddTimes(CLI::App& app, Flags& flags) {
  const auto add = [&app](const char* name, double& seconds, const char* help) {
    app.add_option(name, seconds, help)
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
  };
  add("--evict-after", flags.evict_after,
      "seconds of silence after which a worker is lost");
  add("--heartbeat-every", flags.heartbeat_every,
      "seconds between a worker's reports that it lives");
  add("--join-window", flags.join_window,
      "seconds that a group waits for further workers before it forms");
  add("--orphan-grace", flags.orphan_grace,
      "seconds that a phase waits for members that are all lost");
  add("--recovery-window", flags.recovery_window,
      "seconds for members to come back after a restart of the coordinator");
  add("--task-lease", flags.task_lease, "seconds that a task may take");
}

CoordinatorServer::Options ServerOptions(const Flags& flags) {
  CoordinatorServer::Options options = flags.server;
  options.heartbeat_every = absl::Seconds(flags.heartbeat_every);
  options.planner.evict_after = absl::Seconds(flags.evict_after);
  options.planner.join_window = absl::Seconds(flags.join_window);
  options.planner.orphan_grace = absl::Seconds(flags.orphan_grace);
  options.planner.recovery_window = absl::Seconds(flags.recovery_window);
  options.planner.task_lease = absl::Seconds(flags.task_lease);
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

absl::Status Run(const Flags& flags) {
  const sigset_t signals = BlockSignals();
  KEEL_ASSIGN_OR_RETURN(
      std::unique_ptr<MetricsServer> metrics,
      MetricsServer::Create(flags.metrics, CoordinatorMetrics()));
  KEEL_ASSIGN_OR_RETURN(
      std::unique_ptr<CoordinatorServer> server,
      CoordinatorServer::Start(ServerOptions(flags), metrics.get()));
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
  CLI::App app("The coordinator of Keel.", "keel-coordinator");
  app.set_version_flag("--version", KEEL_VERSION);
  keel::Flags flags;
  keel::AddFlags(app, flags);
  keel::AddTimes(app, flags);
  CLI11_PARSE(app, argc, argv);
  keel::SetLogName("coordinator");
  if (flags.verbose) keel::SetLogLevel(keel::LogLevel::kDebug);
  if (absl::Status status = keel::Run(flags); !status.ok()) {
    keel::LogError("cannot run", {{"error", status.ToString()}});
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
