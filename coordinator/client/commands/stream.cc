#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/config/model_message.h"
#include "common/config/stream_config.h"
#include "common/file_system.h"
#include "common/model/open_clip_config.h"
#include "common/status_macros.h"
#include "coordinator/client/checkpoint_uploader.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/error_text.h"
#include "coordinator/client/progress_bar.h"

namespace keel {
namespace {

struct CreateArguments {
  std::string name;
  std::string config;
  std::string request_id;
};

// Paths in a file are relative to it.
std::string Resolve(const std::string& config_file, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute()) return path;
  return (std::filesystem::path(config_file).parent_path() / given).string();
}

absl::StatusOr<v1::ModelConfig> ReadArchitecture(const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(const std::string json, ReadFile(path));
  KEEL_ASSIGN_OR_RETURN(const ModelConfig model,
                        ModelConfigFromOpenClip(json, path));
  return ToMessage(model);
}

// From OpenCLIP's JSON, if the file leads to one. That of the checkpoint is
// read also beside another: weights that were fed otherwise are refused.
absl::Status ReadModel(const std::string& config_file,
                       const std::vector<InitialFile>& initial,
                       StreamConfigFile& file) {
  if (initial.size() > 1) {
    KEEL_ASSIGN_OR_RETURN(v1::ModelConfig model,
                          ReadArchitecture(initial[1].path));
    if (!file.config.has_model()) {
      *file.config.mutable_model() = std::move(model);
    }
  }
  if (file.open_clip_config_path.empty()) return absl::OkStatus();
  KEEL_ASSIGN_OR_RETURN(
      *file.config.mutable_model(),
      ReadArchitecture(Resolve(config_file, file.open_clip_config_path)));
  return absl::OkStatus();
}

absl::StatusOr<std::string> UploadInitial(
    CommandContext& context, const std::vector<InitialFile>& files) {
  ProgressBar bar(DetectTerminal(2));
  TransferOptions options = context.transfer_options();
  options.progress = [&bar](int64_t done, int64_t total) {
    bar.ShowBytes("initial checkpoint", done, total);
  };
  return CheckpointUploader(context.client().checkpoints(), options)
      .Upload(files);
}

// Fills the request from the file and from what it refers to.
absl::Status ReadConfig(CommandContext& context, const std::string& config_file,
                        v1::CreateStreamRequest& request) {
  KEEL_ASSIGN_OR_RETURN(const std::string yaml, ReadFile(config_file));
  KEEL_ASSIGN_OR_RETURN(StreamConfigFile file,
                        ParseStreamConfig(yaml, config_file));
  std::vector<InitialFile> initial;
  if (!file.initial_checkpoint_path.empty()) {
    KEEL_ASSIGN_OR_RETURN(
        initial, FindInitialCheckpoint(
                     Resolve(config_file, file.initial_checkpoint_path)));
  }
  KEEL_RETURN_IF_ERROR(ReadModel(config_file, initial, file));
  if (const absl::Status status =
          ValidateStreamConfig(WithDefaults(file.config));
      !status.ok()) {
    return WithPrefix(config_file, status);
  }
  *request.mutable_config() = file.config;
  if (initial.empty()) return absl::OkStatus();
  KEEL_ASSIGN_OR_RETURN(*request.mutable_initial_checkpoint(),
                        UploadInitial(context, initial));
  return absl::OkStatus();
}

void PrintStream(const CommandContext& context, const v1::Stream& stream) {
  if (context.json()) return Print(ToJson(stream));
  const v1::StreamConfig& config = stream.config();
  Print(FieldList({
      {"name", stream.name()},
      {"state", v1::Stream::State_Name(stream.state())},
      {"model",
       config.model().preset().empty() ? "(own)" : config.model().preset()},
      {"method", absl::StrCat(config.method().name(), " (",
                              config.method().profile(), ")")},
      {"policy", absl::AsciiStrToLower(
                     v1::PhaseConfig::Policy_Name(config.phase().policy()))},
      {"initial checkpoint", stream.initial_checkpoint().empty()
                                 ? "random from the seed"
                                 : stream.initial_checkpoint()},
      {"newest phase", absl::StrCat(stream.last_phase())},
      {"newest checkpoint", stream.published_phase() < 0
                                ? "-"
                                : absl::StrCat("@", stream.published_phase())},
      {"waiting",
       absl::StrCat(FormatCount(stream.backlog_chunk_count()), " chunks, ",
                    FormatCount(stream.backlog_sample_count()), " samples")},
      {"created", FormatTime(stream.create_time())},
  }));
}

absl::Status Create(CommandContext& context, const CreateArguments& arguments) {
  v1::CreateStreamRequest request;
  request.set_name(arguments.name);
  request.set_request_id(arguments.request_id);
  KEEL_RETURN_IF_ERROR(ReadConfig(context, arguments.config, request));
  KEEL_ASSIGN_OR_RETURN(
      const v1::Stream stream,
      context.client().Call(context.client().streams(),
                            &v1::StreamService::Stub::CreateStream, request));
  PrintStream(context, stream);
  return absl::OkStatus();
}

absl::StatusOr<v1::Stream> Get(CommandContext& context,
                               const std::string& name) {
  v1::GetStreamRequest request;
  request.set_name(name);
  return context.client().Call(context.client().streams(),
                               &v1::StreamService::Stub::GetStream, request);
}

absl::Status Show(CommandContext& context, const std::string& name) {
  KEEL_ASSIGN_OR_RETURN(const v1::Stream stream, Get(context, name));
  PrintStream(context, stream);
  return absl::OkStatus();
}

absl::Status ShowConfig(CommandContext& context, const std::string& name) {
  KEEL_ASSIGN_OR_RETURN(const v1::Stream stream, Get(context, name));
  Print(context.json() ? ToJson(stream.config())
                       : StreamConfigToYaml(stream.config()));
  return absl::OkStatus();
}

absl::Status ListStreams(CommandContext& context) {
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListStreamsResponse response,
      context.client().List(context.client().streams(),
                            &v1::StreamService::Stub::ListStreams,
                            v1::ListStreamsRequest(),
                            [](auto& page) { return page.mutable_streams(); }));
  if (context.json()) {
    Print(ToJson(response));
    return absl::OkStatus();
  }
  Table table({"name", "state", "method", ">phases", ">published",
               ">waiting chunks", ">waiting samples", "created"});
  for (const v1::Stream& stream : response.streams()) {
    table.AddRow({stream.name(), v1::Stream::State_Name(stream.state()),
                  stream.config().method().name(),
                  absl::StrCat(stream.last_phase()),
                  stream.published_phase() < 0
                      ? "-"
                      : absl::StrCat("@", stream.published_phase()),
                  FormatCount(stream.backlog_chunk_count()),
                  FormatCount(stream.backlog_sample_count()),
                  FormatTime(stream.create_time())});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

void AddCreate(CLI::App& stream, CommandContext& context) {
  auto arguments = std::make_shared<CreateArguments>();
  CLI::App* create = stream.add_subcommand("create", "Create a stream");
  create->add_option("NAME", arguments->name, "Its name")->required();
  create
      ->add_option("--config", arguments->config,
                   "YAML file; paths in it are relative to it")
      ->required();
  create->add_option("--request-id", arguments->request_id,
                     "Makes a repeated call safe");
  create->callback([arguments, &context] {
    context.run = [arguments, &context] { return Create(context, *arguments); };
  });
}

// A command that takes a stream's name alone.
void AddNamed(CLI::App& parent, CommandContext& context,
              const std::string& verb, const std::string& help,
              absl::Status (*action)(CommandContext&, const std::string&)) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = parent.add_subcommand(verb, help);
  command->add_option("NAME", *name, "The stream")->required();
  command->callback([name, action, &context] {
    context.run = [name, action, &context] { return action(context, *name); };
  });
}

}  // namespace

void AddStreamCommands(CLI::App& app, CommandContext& context) {
  CLI::App* stream = app.add_subcommand("stream", "Continual runs");
  stream->require_subcommand(1);
  AddCreate(*stream, context);
  stream->add_subcommand("list", "List the streams")->callback([&context] {
    context.run = [&context] { return ListStreams(context); };
  });
  AddNamed(*stream, context, "show", "Show a stream", &Show);
  AddNamed(*stream, context, "config",
           "Show a stream's effective configuration", &ShowConfig);
}

}  // namespace keel
