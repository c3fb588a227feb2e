#include <cstdlib>
#include <memory>

#include "CLI/CLI.hpp"
#include "common/file_system.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/local_cluster.h"

namespace keel {
namespace {

// Where a user's programs keep their state (XDG Base Directory).
std::string DefaultStateDir() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state && *state) {
    return JoinPath(state, "keel");
  }
  if (const char* home = std::getenv("HOME"); home && *home) {
    return JoinPath(home, ".local/state/keel");
  }
  return "keel-state";
}

}  // namespace

void AddUpCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<LocalCluster::Options>();
  options->state_dir = DefaultStateDir();
  options->program_dir = ProgramDirectory();
  options->tell = [](const std::string& line) { Print(line); };
  CLI::App* up = app.add_subcommand(
      "up",
      "Run a local cluster in the foreground: a coordinator and CPU "
      "workers; Ctrl-C drains");
  up->add_option("--workers", options->workers,
                 "CPU workers; 0: the coordinator alone")
      ->capture_default_str();
  up->add_option("--state-dir", options->state_dir,
                 "Folder of all state and logs")
      ->capture_default_str();
  up->add_option("--port", options->port, "Port of the coordinator")
      ->capture_default_str();
  up->add_option(
        "--metrics-port", options->metrics_port,
        "Port of the coordinator's /metrics; workers take the next ones")
      ->capture_default_str();
  up->add_option("--threads", options->threads,
                 "Threads of each worker; 0: the cores shared out")
      ->capture_default_str();
  up->callback([options, &context] {
    context.run = [options] { return RunLocalCluster(*options); };
  });
}

}  // namespace keel
