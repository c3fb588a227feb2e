#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/recall_matrix.h"

namespace keel {
namespace {

struct RecallArguments {
  std::string stream;
  int k = 5;
  std::string direction = "mean";
  std::vector<std::string> origins;
};

constexpr char kLegend[] =
    "forgetting: best earlier value less the last one. backward transfer: "
    "last value less the one\nright after the probe's own phase. forward "
    "transfer: value right before the probe's own phase\nless the initial "
    "one. (own phase: probe sets \"phase-N\", and --origin PROBE=PHASE)\n";

RecallDirection DirectionOf(const std::string& name) {
  if (name == "image-to-text") return RecallDirection::kImageToText;
  if (name == "text-to-image") return RecallDirection::kTextToImage;
  return RecallDirection::kMean;
}

std::string Title(const RecallArguments& arguments) {
  return absl::StrCat("recall@", arguments.k, " in %, ",
                      arguments.direction == "mean" ? "mean of both directions"
                                                    : arguments.direction,
                      "\n");
}

absl::Status ShowRecall(CommandContext& context,
                        const RecallArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(const auto origins, ParseOrigins(arguments.origins));
  v1::ListRecallsRequest request;
  request.set_stream(arguments.stream);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListRecallsResponse response,
      context.client().List(context.client().phases(),
                            &v1::PhaseService::Stub::ListRecalls, request,
                            [](auto& page) { return page.mutable_recalls(); }));
  const std::vector<v1::Recall> recalls(response.recalls().begin(),
                                        response.recalls().end());
  const RecallMatrix matrix = BuildRecallMatrix(
      recalls, arguments.k, DirectionOf(arguments.direction), origins);
  if (context.json()) {
    Print(RecallJson(matrix, recalls, arguments.k, arguments.direction));
  } else if (recalls.empty()) {
    Print(
        "Nothing is measured yet: recall is measured after a phase, on the "
        "stream's probe sets.");
  } else {
    Print(Title(arguments));
    Print(RecallTable(matrix));
    Print(absl::StrCat("\n", kLegend));
  }
  return absl::OkStatus();
}

}  // namespace

void AddRecallCommand(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<RecallArguments>();
  CLI::App* recall = app.add_subcommand(
      "recall", "Recall of every phase's model on every probe set");
  recall->add_option("STREAM", arguments->stream, "The stream")->required();
  recall->add_option("--k", arguments->k, "Hits counted among the first k")
      ->check(CLI::IsMember({1, 5, 10}))
      ->capture_default_str();
  recall
      ->add_option("--direction", arguments->direction,
                   "Which side asks; mean: of both")
      ->check(CLI::IsMember({"mean", "image-to-text", "text-to-image"}))
      ->capture_default_str();
  recall->add_option("--origin", arguments->origins,
                     "PROBE=PHASE: phase that trained a probe's domain (0: "
                     "the initial checkpoint); may be repeated");
  recall->callback([arguments, &context] {
    context.run = [arguments, &context] {
      return ShowRecall(context, *arguments);
    };
  });
}

}  // namespace keel
