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
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/server.h"
#include "coordinator/store/crash_point.h"

namespace keel {
namespace {

// How long calls may go on after the signal to stop.
constexpr absl::Duration kGrace = absl::Seconds(5);
constexpr int kUsageExitCode = 2;

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
  double stall_after = 1800;
  std::string crash_at;
  bool verbose = false;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.server.listen_address,
                 "HOST:PORT to serve on; port 0 takes a free one. Plaintext: "
                 "keep it on loopback or in a private network")
      ->capture_default_str();
  app.add_option("--state-dir", flags.server.state_dir,
                 "Folder of all durable state")
      ->required();
  app.add_option("--metrics-listen", flags.metrics.address,
                 "HOST:PORT of /metrics; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--min-free-bytes", flags.server.min_free_bytes,
                 "Uploads that would leave less free disk are refused")
      ->capture_default_str();
  app.add_option("--max-threads", flags.server.max_threads,
                 "Threads for calls; each worker, watcher and transfer holds "
                 "one")
      ->capture_default_str();
  app.add_option("--debug-crash-at", flags.crash_at,
                 "For tests: NAME or NAME@N; the process kills itself the Nth "
                 "time it comes to that crash point");
  app.add_flag("--verbose", flags.verbose, "Log at debug level");
}

void AddTimes(CLI::App& app, Flags& flags) {
  const auto add = [&app](const char* name, double& seconds, const char* help) {
    app.add_option(name, seconds, help)
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
  };
  add("--evict-after", flags.evict_after,
      "Seconds of silence after which a worker is lost");
  add("--heartbeat-every", flags.heartbeat_every,
      "Seconds between a worker's reports that it lives");
  add("--join-window", flags.join_window,
      "Seconds that a group waits for further workers before it forms");
  add("--orphan-grace", flags.orphan_grace,
      "Seconds that a phase waits for members that are all lost");
  add("--recovery-window", flags.recovery_window,
      "Seconds for members to come back after a restart of the coordinator");
  add("--task-lease", flags.task_lease,
      "Seconds without progress after which a worker loses its task");
  add("--stall-after", flags.stall_after,
      "Seconds without a step after which a group is broken");
}

CoordinatorServer::Options ServerOptions(const Flags& flags) {
  CoordinatorServer::Options options = flags.server;
  options.heartbeat_every = absl::Seconds(flags.heartbeat_every);
  options.planner.evict_after = absl::Seconds(flags.evict_after);
  options.planner.join_window = absl::Seconds(flags.join_window);
  options.planner.orphan_grace = absl::Seconds(flags.orphan_grace);
  options.planner.recovery_window = absl::Seconds(flags.recovery_window);
  options.planner.task_lease = absl::Seconds(flags.task_lease);
  options.planner.stall_after = absl::Seconds(flags.stall_after);
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
  KEEL_RETURN_IF_ERROR(ArmCrashPoint(flags.crash_at));
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : keel::kUsageExitCode;
  }
  keel::SetLogName("coordinator");
  if (flags.verbose) keel::SetLogLevel(keel::LogLevel::kDebug);
  if (absl::Status status = keel::Run(flags); !status.ok()) {
    keel::LogError("cannot run",
                   {{"code", absl::StatusCodeToString(status.code())},
                    {"reason", keel::ReasonOf(status).reason},
                    {"error", std::string(status.message())}});
    return absl::IsInvalidArgument(status) ? keel::kUsageExitCode
                                           : EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
