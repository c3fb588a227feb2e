#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/packer.h"
#include "coordinator/client/progress_bar.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

absl::Status RunPack(CommandContext& context, PackOptions options) {
  PackResult result;
  {
    ProgressBar bar(DetectTerminal(2));
    options.progress = [&bar](int64_t done, int64_t total) {
      bar.Show(absl::StrCat(
          "packing ",
          RenderBar(static_cast<double>(done) / static_cast<double>(total), 24),
          " ", FormatCount(done), " of ", FormatCount(total), " samples"));
    };
    KEEL_ASSIGN_OR_RETURN(result, Pack(options));
  }
  if (context.json()) {
    Print(nlohmann::ordered_json{{"sample_count", result.sample_count},
                                 {"byte_count", result.byte_count},
                                 {"shards", result.shards}}
              .dump(2));
    return absl::OkStatus();
  }
  for (const std::string& shard : result.shards) Print(shard);
  Print(absl::StrCat(FormatCount(result.sample_count), " samples, ",
                     FormatBytes(result.byte_count), " in ",
                     FormatCount(result.shards.size()), " shards"));
  return absl::OkStatus();
}

}  // namespace

void AddPackCommand(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<PackOptions>();
  CLI::App* pack =
      app.add_subcommand("pack", "Make WebDataset shards of images");
  pack->add_option("--images", options->images, "Folder of the images")
      ->required();
  pack->add_option("--captions", options->captions,
                   "Table: image path, tab, caption, tab, more captions")
      ->required();
  pack->add_option("--out", options->out, "Folder for the shards")->required();
  pack->add_option("--samples-per-shard", options->samples_per_shard,
                   "Most samples of one shard")
      ->capture_default_str();
  pack->callback([options, &context] {
    context.run = [options, &context] { return RunPack(context, *options); };
  });
}

}  // namespace keel
