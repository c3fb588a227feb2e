#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/checkpoint_pull.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/commands/recall_list.h"
#include "coordinator/client/recall_matrix.h"

namespace keel {
namespace {

struct PullArguments {
  std::string checkpoint;
  std::string out;
};

int64_t TotalBytes(const v1::Checkpoint& checkpoint) {
  int64_t bytes = 0;
  for (const v1::CheckpointFile& file : checkpoint.files()) {
    bytes += file.size_bytes();
  }
  return bytes;
}

absl::Status ListCheckpoints(CommandContext& context,
                             const std::string& stream) {
  v1::ListCheckpointsRequest request;
  request.set_stream(stream);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListCheckpointsResponse response,
      context.client().List(
          context.client().checkpoints(),
          &v1::CheckpointService::Stub::ListCheckpoints, request,
          [](auto& page) { return page.mutable_checkpoints(); }));
  if (context.json()) {
    Print(ToJson(response));
    return absl::OkStatus();
  }
  Table table(
      {"checkpoint", ">attempt", "parent", ">steps", ">size", "published"});
  for (const v1::Checkpoint& checkpoint : response.checkpoints()) {
    table.AddRow({absl::StrCat(checkpoint.stream(), "@", checkpoint.phase()),
                  absl::StrCat(checkpoint.attempt()),
                  checkpoint.parent() < 0
                      ? "random"
                      : absl::StrCat("@", checkpoint.parent()),
                  FormatCount(checkpoint.step_count()),
                  FormatBytes(TotalBytes(checkpoint)),
                  FormatTime(checkpoint.publish_time())});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

// What is known of the checkpoint by now, beside its files.
absl::Status WriteReport(CommandContext& context,
                         const v1::Checkpoint& checkpoint,
                         const std::string& folder) {
  KEEL_ASSIGN_OR_RETURN(const std::vector<v1::Recall> recalls,
                        ListRecalls(context, checkpoint.stream()));
  return WriteFileAtomically(
      JoinPath(folder, "keel_report.json"),
      RecallReport(checkpoint.stream(), checkpoint.phase(), recalls));
}

absl::Status Pull(CommandContext& context, const PullArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(
      const v1::Checkpoint checkpoint,
      PullCheckpoint(context, arguments.checkpoint, arguments.out));
  KEEL_RETURN_IF_ERROR(WriteReport(context, checkpoint, arguments.out));
  if (context.json()) {
    Print(ToJson(checkpoint));
    return absl::OkStatus();
  }
  Table table({"file", ">size", "sha256"});
  for (const v1::CheckpointFile& file : checkpoint.files()) {
    table.AddRow({JoinPath(arguments.out, file.name()),
                  FormatBytes(file.size_bytes()), file.digest()});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

}  // namespace

void AddCheckpointCommands(CLI::App& app, CommandContext& context) {
  CLI::App* checkpoint = app.add_subcommand("checkpoint", "Published models");
  checkpoint->require_subcommand(1);
  auto stream = std::make_shared<std::string>();
  CLI::App* list =
      checkpoint->add_subcommand("list", "List a stream's checkpoints");
  list->add_option("STREAM", *stream, "The stream")->required();
  list->callback([stream, &context] {
    context.run = [stream, &context] {
      return ListCheckpoints(context, *stream);
    };
  });
  auto arguments = std::make_shared<PullArguments>();
  CLI::App* pull = checkpoint->add_subcommand(
      "pull", "Download a checkpoint; goes on with a broken download");
  pull->add_option("CHECKPOINT", arguments->checkpoint,
                   "STREAM (the newest) or STREAM@PHASE; @0: the initial one")
      ->required();
  pull->add_option("--out", arguments->out, "Folder for its files")->required();
  pull->callback([arguments, &context] {
    context.run = [arguments, &context] { return Pull(context, *arguments); };
  });
}

}  // namespace keel
