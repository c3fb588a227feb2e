#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/drift_table.h"

namespace keel {
namespace {

struct DriftArguments {
  std::string stream;
  std::string bins;
};

// The paper's bins: of the angles inside a modality, and of the rotations.
constexpr char kPaper[] = "paper";

std::string BinTables(const std::vector<v1::Drift>& drifts,
                      const std::vector<int>& edges) {
  if (!edges.empty()) {
    return absl::StrCat("Share of pairs in % by angle in degrees\n",
                        DriftBinTable(drifts, edges));
  }
  return absl::StrCat(
      "Share of pairs in % by angle in degrees, in Mod-X's bins\n",
      DriftBinTable(drifts, {5, 10, 15, 20}, "self angle change"), "\n",
      DriftBinTable(drifts, {15, 20, 25, 30}, "rotation,"));
}

absl::Status ShowDrift(CommandContext& context,
                       const DriftArguments& arguments) {
  std::vector<int> edges;
  if (!arguments.bins.empty() && arguments.bins != kPaper) {
    KEEL_ASSIGN_OR_RETURN(edges, ParseBins(arguments.bins));
  }
  v1::ListDriftsRequest request;
  request.set_stream(arguments.stream);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListDriftsResponse response,
      context.client().List(context.client().phases(),
                            &v1::PhaseService::Stub::ListDrifts, request,
                            [](auto& page) { return page.mutable_drifts(); }));
  if (context.json()) {
    Print(ToJson(response));
    return absl::OkStatus();
  }
  const std::vector<v1::Drift> drifts(response.drifts().begin(),
                                      response.drifts().end());
  if (drifts.empty()) {
    Print(
        "Nothing is measured yet: drift is measured after a phase, on the "
        "stream's probe sets.");
    return absl::OkStatus();
  }
  if (!arguments.bins.empty()) {
    Print(BinTables(drifts, edges));
    return absl::OkStatus();
  }
  Print("Means in degrees (i: image, t: text; ?: too few samples to trust)\n");
  Print(DriftTable(drifts));
  return absl::OkStatus();
}

}  // namespace

void AddDriftCommand(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<DriftArguments>();
  CLI::App* drift =
      app.add_subcommand("drift", "Spatial disorder after each phase");
  drift->add_option("STREAM", arguments->stream, "The stream")->required();
  drift
      ->add_option("--bins", arguments->bins,
                   "Shares of pairs in place of means: upper edges in degrees, "
                   "such as 5,10,15,20; paper, also if no value is given: "
                   "those of Mod-X's paper")
      ->expected(0, 1)
      ->default_str(kPaper);
  drift->callback([arguments, &context] {
    context.run = [arguments, &context] {
      return ShowDrift(context, *arguments);
    };
  });
}

}  // namespace keel
