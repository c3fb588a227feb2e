#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "coordinator/client/checkpoint_puller.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/progress_bar.h"

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

absl::Status ListAll(CommandContext& context, const std::string& stream) {
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

absl::Status Pull(CommandContext& context, const PullArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(const StreamAtPhase place,
                        ParseStreamAtPhase(arguments.checkpoint));
  v1::GetCheckpointRequest request;
  request.set_stream(place.stream);
  request.set_phase(place.phase);
  KEEL_ASSIGN_OR_RETURN(
      const v1::Checkpoint checkpoint,
      context.client().Call(context.client().checkpoints(),
                            &v1::CheckpointService::Stub::GetCheckpoint,
                            request));
  {
    ProgressBar bar(DetectTerminal(2));
    TransferOptions options = context.transfer_options();
    options.progress = [&](int64_t done, int64_t total) {
      bar.ShowBytes(absl::StrCat(place.stream, "@", checkpoint.phase()), done,
                    total);
    };
    CheckpointPuller puller(context.client().checkpoints(), options);
    KEEL_RETURN_IF_ERROR(
        context.client().Explain(puller.Pull(checkpoint, arguments.out)));
  }
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
    context.run = [stream, &context] { return ListAll(context, *stream); };
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
