#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/error_text.h"
#include "coordinator/client/progress_bar.h"
#include "coordinator/client/uploader.h"

namespace keel {
namespace {

struct SubmitArguments {
  std::string stream;
  std::vector<std::string> shards;
  bool probe = false;
  std::optional<int> origin;
  std::string request_id;
};

std::string FileName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

absl::StatusOr<v1::SubmitChunkResponse> SubmitOne(
    CommandContext& context, const SubmitArguments& arguments, size_t index) {
  ChunkUpload upload;
  upload.stream = arguments.stream;
  upload.path = arguments.shards[index];
  upload.probe_only = arguments.probe;
  upload.origin = arguments.origin;
  upload.request_id = arguments.request_id;
  // Each chunk needs an id of its own.
  if (!upload.request_id.empty() && arguments.shards.size() > 1) {
    absl::StrAppend(&upload.request_id, "-", index);
  }
  ProgressBar bar(DetectTerminal(2));
  TransferOptions options = context.transfer_options();
  options.progress = [&](int64_t done, int64_t total) {
    bar.ShowBytes(absl::StrCat(FileName(upload.path), " (", index + 1, "/",
                               arguments.shards.size(), ")"),
                  done, total);
  };
  return Uploader(context.client().streams(), options).Upload(upload);
}

std::string Note(const v1::SubmitChunkResponse& response) {
  if (response.duplicate()) return "was there already";
  return response.chunk().probe_only() ? "probe" : "";
}

void PrintTable(const std::vector<v1::SubmitChunkResponse>& responses) {
  Table table({"shard", "chunk", ">accepted", ">rejected", ">size", "note"});
  std::map<std::string, int64_t> by_reason;
  std::map<std::string, std::string> example;
  for (const v1::SubmitChunkResponse& response : responses) {
    const v1::Chunk& chunk = response.chunk();
    table.AddRow({chunk.display_name(), chunk.digest().substr(0, 12),
                  FormatCount(chunk.samples().accepted_count()),
                  FormatCount(chunk.samples().rejected_count()),
                  FormatBytes(chunk.size_bytes()), Note(response)});
    for (const auto& [reason, count] : chunk.samples().rejected_by_reason()) {
      by_reason[reason] += count;
    }
    for (const v1::RejectedSample& sample : response.rejected()) {
      example.try_emplace(sample.reason(),
                          absl::StrCat(sample.key(), ": ", sample.message()));
    }
  }
  Print(table.ToString());
  if (by_reason.empty()) return;
  Table reasons({"rejected because", ">samples", "for example"});
  for (const auto& [reason, count] : by_reason) {
    reasons.AddRow({reason, FormatCount(count), example[reason]});
  }
  Print(absl::StrCat("\n", reasons.ToString()));
}

void PrintJson(const std::vector<v1::SubmitChunkResponse>& responses) {
  Print(absl::StrCat("[",
                     absl::StrJoin(responses, ",",
                                   [](std::string* out, const auto& r) {
                                     absl::StrAppend(out, ToJson(r));
                                   }),
                     "]"));
}

// A bad shard says nothing about the next one.
bool ConcernsOneShard(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsDataLoss(status) ||
         absl::IsAlreadyExists(status);
}

absl::Status Submit(CommandContext& context, const SubmitArguments& arguments) {
  std::vector<v1::SubmitChunkResponse> responses;
  absl::Status first_error;
  for (size_t i = 0; i < arguments.shards.size(); ++i) {
    auto response = SubmitOne(context, arguments, i);
    if (response.ok()) {
      responses.push_back(*std::move(response));
      continue;
    }
    const absl::Status status = context.client().Explain(response.status());
    const absl::Status named = WithPrefix(arguments.shards[i], status);
    if (first_error.ok()) {
      first_error = named;
    } else {
      std::fprintf(stderr, "%s\n", ErrorLine(named).c_str());
    }
    if (!ConcernsOneShard(status)) break;
  }
  if (context.json()) {
    PrintJson(responses);
  } else if (!responses.empty()) {
    PrintTable(responses);
  }
  return first_error;
}

}  // namespace

void AddSubmitCommand(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<SubmitArguments>();
  CLI::App* submit = app.add_subcommand("submit", "Upload shards to a stream");
  submit->add_option("STREAM", arguments->stream, "The stream")->required();
  submit->add_option("SHARD", arguments->shards, "WebDataset tar shards")
      ->required();
  submit->add_flag("--probe", arguments->probe,
                   "Hold all samples out of training, as a probe set");
  submit
      ->add_option("--origin", arguments->origin,
                   "Of a probe set: the phase that trains its domain (0: the "
                   "initial checkpoint knows it); drift is measured against "
                   "it")
      ->check(CLI::NonNegativeNumber);
  submit->add_option("--request-id", arguments->request_id,
                     "Makes a repeated call safe; with several shards, their "
                     "positions are appended");
  submit->callback([arguments, &context] {
    context.run = [arguments, &context] { return Submit(context, *arguments); };
  });
}

}  // namespace keel
