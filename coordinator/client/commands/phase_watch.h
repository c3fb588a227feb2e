// `keel phase watch`.
#ifndef KEEL_COORDINATOR_CLIENT_COMMANDS_PHASE_WATCH_H_
#define KEEL_COORDINATOR_CLIENT_COMMANDS_PHASE_WATCH_H_

#include <string>

#include "absl/status/status.h"
#include "coordinator/client/commands/command_context.h"

namespace keel {

// Shows the phase's changes until it ends: a live line on a terminal (stderr),
// lines on stdout for each change of the state and elsewhere for progress, or
// a JSON object per change. `number` 0: one phase after another. Blocks.
// INTERNAL: it ended neither PUBLISHED nor SKIPPED.
absl::Status WatchPhases(CommandContext& context, const std::string& stream,
                         int number);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_COMMANDS_PHASE_WATCH_H_
