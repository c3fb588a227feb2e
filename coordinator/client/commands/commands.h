// The commands of `keel`, one file per noun. Each adds its subcommands to the
// parser; a chosen command leaves what is to be done in the context.
#ifndef KEEL_COORDINATOR_CLIENT_COMMANDS_COMMANDS_H_
#define KEEL_COORDINATOR_CLIENT_COMMANDS_COMMANDS_H_

#include "CLI/App.hpp"
#include "coordinator/client/commands/command_context.h"

namespace keel {

// The context outlives the parser.
void AddCheckpointCommands(CLI::App& app, CommandContext& context);
void AddDriftCommand(CLI::App& app, CommandContext& context);
void AddEvalCommand(CLI::App& app, CommandContext& context);
void AddLedgerCommand(CLI::App& app, CommandContext& context);
void AddPackCommand(CLI::App& app, CommandContext& context);
void AddPhaseCommands(CLI::App& app, CommandContext& context);
void AddRecallCommand(CLI::App& app, CommandContext& context);
void AddStreamCommands(CLI::App& app, CommandContext& context);
void AddSubmitCommand(CLI::App& app, CommandContext& context);
void AddUpCommand(CLI::App& app, CommandContext& context);
void AddWorkerCommands(CLI::App& app, CommandContext& context);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_COMMANDS_COMMANDS_H_
