#include <stdlib.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "coordinator/client/child_process.h"
#include "coordinator/client/commands/checkpoint_pull.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/eval_table.h"
#include "coordinator/client/exit_code.h"
#include "coordinator/client/local_cluster.h"

namespace keel {
namespace {

struct EvalArguments {
  std::string checkpoint;
  std::string out;
  std::string shard;
  std::string classes;
  std::string templates;
  std::string linear_probe;
};

absl::StatusOr<std::string> MakeTemporaryFolder() {
  std::string path =
      JoinPath(std::filesystem::temp_directory_path().string(), "keel-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  }
  return path;
}

std::vector<std::string> ToolCommand(const EvalArguments& arguments,
                                     const std::string& model,
                                     const std::string& result) {
  std::vector<std::string> command = {
      JoinPath(ProgramDirectory(), "keel-worker"),
      "eval",
      "--checkpoint",
      model,
      "--shard",
      arguments.shard,
      "--result",
      result};
  const std::pair<const char*, const std::string*> optional[] = {
      {"--classes", &arguments.classes},
      {"--templates", &arguments.templates},
      {"--linear-probe", &arguments.linear_probe}};
  for (const auto& [name, value] : optional) {
    if (!value->empty()) command.insert(command.end(), {name, *value});
  }
  return command;
}

// Its log, with what was left out and why it failed, goes to stderr.
absl::Status RunTool(const std::vector<std::string>& command,
                     const std::string& log) {
  KEEL_ASSIGN_OR_RETURN(const auto tool, ChildProcess::Start(command, log));
  while (tool->Running()) absl::SleepFor(absl::Milliseconds(20));
  KEEL_ASSIGN_OR_RETURN(const std::string text, ReadFile(log));
  std::fputs(text.c_str(), stderr);
  if (tool->EndedWell()) return absl::OkStatus();
  const std::string how = tool->HowItEnded();
  const std::string message = absl::StrCat("keel-worker eval: ", how);
  return how == absl::StrCat("exit code ", static_cast<int>(kExitUsage))
             ? absl::InvalidArgumentError(message)
             : absl::InternalError(message);
}

absl::Status Evaluate(CommandContext& context, const EvalArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(const std::string scratch, MakeTemporaryFolder());
  const absl::Cleanup remove = [&scratch] {
    RemoveRecursively(scratch).IgnoreError();
  };
  const std::string model =
      arguments.out.empty() ? JoinPath(scratch, "model") : arguments.out;
  KEEL_RETURN_IF_ERROR(
      PullCheckpoint(context, arguments.checkpoint, model).status());
  const std::string result = JoinPath(scratch, "result.json");
  KEEL_RETURN_IF_ERROR(RunTool(ToolCommand(arguments, model, result),
                               JoinPath(scratch, "eval.log")));
  KEEL_ASSIGN_OR_RETURN(const std::string json, ReadFile(result));
  if (context.json()) {
    Print(json);
    return absl::OkStatus();
  }
  KEEL_ASSIGN_OR_RETURN(const std::string table, EvalTable(json));
  Print(table);
  return absl::OkStatus();
}

}  // namespace

void AddEvalCommand(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App* eval = app.add_subcommand(
      "eval", "Measure a checkpoint on a shard, on this machine");
  eval->add_option("CHECKPOINT", arguments->checkpoint,
                   "STREAM (the newest) or STREAM@PHASE; @0: the initial one")
      ->required();
  eval->add_option("--shard", arguments->shard, "A WebDataset shard")
      ->required();
  eval->add_option("--classes", arguments->classes,
                   "Class names, one a line: zero-shot accuracy in place of "
                   "retrieval. A sample's label is its first caption");
  eval->add_option("--templates", arguments->templates,
                   "Prompts, one a line, with {} for the name; without: \"a "
                   "photo of a {}.\"");
  eval->add_option("--linear-probe", arguments->linear_probe,
                   "A labelled shard to train a linear classifier on the "
                   "frozen embeddings of");
  eval->add_option("--out", arguments->out,
                   "Folder that keeps the checkpoint; default: a temporary "
                   "one");
  eval->callback([arguments, &context] {
    context.run = [arguments, &context] {
      return Evaluate(context, *arguments);
    };
  });
}

}  // namespace keel
