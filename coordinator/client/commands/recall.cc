#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/commands/recall_list.h"
#include "coordinator/client/recall_matrix.h"

namespace keel {
namespace {

struct RecallArguments {
  std::string stream;
  int k = 5;
  std::string direction = "mean";
  std::vector<std::string> origins;
  bool details = false;
};

constexpr char kLegend[] =
    "forgetting: best earlier value less the last one. backward transfer: "
    "last value less the one\nright after the probe's own phase. forward "
    "transfer: value right before the probe's own phase\nless the initial "
    "one. (own phase: the set's origin, or --origin PROBE=PHASE)\n";

constexpr char kTimeContinualLegend[] =
    "in-domain: mean over checkpoints of their own phase's set; backward: of "
    "the sets of earlier\nphases; forward: of later ones\n";

constexpr char kDetailLegend[] =
    "pooled: in one gallery of all sets measured together, of that many "
    "images. gap: distance of\nthe mean image from the mean text. effective "
    "rank: dimensions in use\n";

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

std::string Percent(const std::optional<double>& value) {
  return value ? FormatPercent(*value) : "-";
}

std::string TimeContinualLine(const TimeContinual& means) {
  return absl::StrCat("\nover time: in-domain ", Percent(means.in_domain),
                      ", backward ", Percent(means.backward), ", forward ",
                      Percent(means.forward), "\n");
}

// 0 if the initial checkpoint was uploaded, 1 if it is random.
absl::StatusOr<int> FirstTrained(CommandContext& context,
                                 const std::string& name) {
  v1::GetStreamRequest request;
  request.set_name(name);
  KEEL_ASSIGN_OR_RETURN(
      const v1::Stream stream,
      context.client().Call(context.client().streams(),
                            &v1::StreamService::Stub::GetStream, request));
  return stream.initial_checkpoint().empty() ? 1 : 0;
}

void PrintTables(const RecallArguments& arguments, const RecallMatrix& matrix,
                 const std::vector<v1::Recall>& recalls,
                 const std::vector<RecallSummary>& summaries) {
  Print(Title(arguments));
  Print(RecallTable(matrix));
  Print(TimeContinualLine(matrix.time_continual));
  Print(absl::StrCat("\n", kLegend, kTimeContinualLegend));
  if (!arguments.details) return;
  Print(absl::StrCat("\n", RecallSummaryTable(summaries)));
  Print(absl::StrCat("\n", RecallDetailTable(recalls)));
  Print(absl::StrCat("\n", kDetailLegend));
}

absl::Status ShowRecall(CommandContext& context,
                        const RecallArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(const auto origins, ParseOrigins(arguments.origins));
  KEEL_ASSIGN_OR_RETURN(const int first_trained,
                        FirstTrained(context, arguments.stream));
  KEEL_ASSIGN_OR_RETURN(const std::vector<v1::Recall> recalls,
                        ListRecalls(context, arguments.stream));
  const RecallMatrix matrix =
      BuildRecallMatrix(recalls, arguments.k, DirectionOf(arguments.direction),
                        origins, first_trained);
  const std::vector<RecallSummary> summaries =
      SummarizeRecalls(recalls, origins, first_trained);
  if (context.json()) {
    Print(RecallJson(matrix, recalls, summaries, arguments.k,
                     arguments.direction));
  } else if (recalls.empty()) {
    Print(
        "Nothing is measured yet: recall is measured after a phase, on the "
        "stream's probe sets.");
  } else {
    PrintTables(arguments, matrix, recalls, summaries);
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
                     "the initial checkpoint), where submit did not say it or "
                     "otherwise; may be repeated");
  recall->add_flag("--details", arguments->details,
                   "Also means over time for each direction and k, and for "
                   "each measurement ranks, intervals, the pooled gallery and "
                   "the shape of the space");
  recall->callback([arguments, &context] {
    context.run = [arguments, &context] {
      return ShowRecall(context, *arguments);
    };
  });
}

}  // namespace keel
