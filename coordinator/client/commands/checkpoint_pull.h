// Downloads a checkpoint for a command.
#ifndef KEEL_COORDINATOR_CLIENT_COMMANDS_CHECKPOINT_PULL_H_
#define KEEL_COORDINATOR_CLIENT_COMMANDS_CHECKPOINT_PULL_H_

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/client/commands/command_context.h"
#include "keel/v1/checkpoint.pb.h"

namespace keel {

// `name`: STREAM or STREAM@PHASE. Goes on with a broken download; shows
// progress. INVALID_ARGUMENT: another form of name; NOT_FOUND: no such
// checkpoint; else as CheckpointPuller.
absl::StatusOr<v1::Checkpoint> PullCheckpoint(CommandContext& context,
                                              const std::string& name,
                                              const std::string& folder);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_COMMANDS_CHECKPOINT_PULL_H_
