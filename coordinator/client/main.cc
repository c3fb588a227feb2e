// The command line of Keel.
#include <csignal>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/error_text.h"
#include "coordinator/client/exit_code.h"

namespace keel {
namespace {

constexpr char kFooter[] =
    "Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 unavailable or timed "
    "out,\n5 refused (precondition, permission, conflict).";

void AddGlobalOptions(CLI::App& app, CommandContext& context) {
  app.add_option("--coordinator", context.coordinator,
                 "HOST:PORT of the coordinator")
      ->envname("KEEL_COORDINATOR")
      ->capture_default_str();
  app.add_option("--output", context.output, "Form of what is printed")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--timeout", context.timeout_text,
                 "How long to wait for an answer, or to try again without "
                 "progress")
      ->capture_default_str();
  app.set_version_flag("--version", std::string("keel ") + KEEL_VERSION);
}

int Main(int argc, char** argv) {
  CLI::App app("Keel: continual CLIP training that watches what it forgets",
               "keel");
  CommandContext context;
  app.require_subcommand(1);
  // Global options may stand behind the command.
  app.fallthrough();
  app.footer(kFooter);
  AddGlobalOptions(app, context);
  AddUpCommand(app, context);
  AddPackCommand(app, context);
  AddStreamCommands(app, context);
  AddSubmitCommand(app, context);
  AddPhaseCommands(app, context);
  AddWorkerCommands(app, context);
  AddCheckpointCommands(app, context);
  AddRecallCommand(app, context);
  AddDriftCommand(app, context);
  AddEvalCommand(app, context);
  AddLedgerCommand(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  absl::Status status = context.Validate();
  if (status.ok()) status = context.run();
  if (!status.ok()) std::fprintf(stderr, "%s\n", ErrorLine(status).c_str());
  return ExitCodeFor(status);
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  // A reader of our output that went away is an error of write, not a death.
  std::signal(SIGPIPE, SIG_IGN);
  return keel::Main(argc, argv);
}
