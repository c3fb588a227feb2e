// All recalls of a stream, for a command.
#ifndef KEEL_COORDINATOR_CLIENT_COMMANDS_RECALL_LIST_H_
#define KEEL_COORDINATOR_CLIENT_COMMANDS_RECALL_LIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/client/commands/command_context.h"
#include "keel/v1/phase.pb.h"

namespace keel {

// Errors as Client::List.
absl::StatusOr<std::vector<v1::Recall>> ListRecalls(CommandContext& context,
                                                    const std::string& stream);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_COMMANDS_RECALL_LIST_H_
