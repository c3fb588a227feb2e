#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"

namespace keel {
namespace {

struct LedgerArguments {
  std::string stream;
  int phase = 0;
  bool verify = false;
};

void PrintVerdicts(const v1::VerifyLedgerResponse& response) {
  Table table({"phase", ">attempt", "verdict", ">samples", ">due", ">trained",
               ">struck", ">steps", ">wrong steps", ">accepted", ">probe",
               ">over cap", ">dropped"});
  for (const v1::LedgerVerdict& verdict : response.verdicts()) {
    const v1::Accounting& accounting = verdict.accounting();
    table.AddRow(
        {absl::StrCat("@", verdict.phase()), absl::StrCat(verdict.attempt()),
         verdict.ok() ? "proven" : "WRONG", FormatCount(verdict.sample_count()),
         FormatCount(verdict.due_count()), FormatCount(verdict.trained_count()),
         FormatCount(verdict.struck_count()), FormatCount(verdict.step_count()),
         FormatCount(verdict.wrong_step_count()),
         FormatCount(accounting.accepted_count()),
         FormatCount(accounting.probe_count()),
         FormatCount(accounting.over_probe_cap_count()),
         FormatCount(accounting.dropped_count())});
  }
  Print(table.ToString());
  for (const v1::LedgerVerdict& verdict : response.verdicts()) {
    for (const std::string& problem : verdict.problems()) {
      Print(absl::StrCat("@", verdict.phase(), ": ", problem));
    }
  }
}

absl::Status Verify(CommandContext& context, const LedgerArguments& arguments) {
  v1::VerifyLedgerRequest request;
  request.set_stream(arguments.stream);
  request.set_phase(arguments.phase);
  KEEL_ASSIGN_OR_RETURN(
      const v1::VerifyLedgerResponse response,
      context.client().Call(context.client().phases(),
                            &v1::PhaseService::Stub::VerifyLedger, request));
  if (context.json()) {
    Print(ToJson(response));
  } else {
    PrintVerdicts(response);
  }
  if (response.verdicts().empty()) {
    return absl::NotFoundError(
        absl::StrCat("no phase of ", arguments.stream, " has trained yet"));
  }
  for (const v1::LedgerVerdict& verdict : response.verdicts()) {
    if (!verdict.ok()) {
      return absl::DataLossError(
          absl::StrCat("the ledger of ", arguments.stream, "@", verdict.phase(),
                       " does not prove its plan"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddLedgerCommand(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<LedgerArguments>();
  CLI::App* ledger = app.add_subcommand(
      "ledger", "Prove that each sample was trained as often as promised");
  ledger->add_option("STREAM", arguments->stream, "The stream")->required();
  ledger->add_option("--phase", arguments->phase, "One phase; default: all")
      ->check(CLI::PositiveNumber);
  ledger
      ->add_flag("--verify", arguments->verify,
                 "Recompute every step from the plan and compare")
      ->required();
  ledger->callback([arguments, &context] {
    context.run = [arguments, &context] { return Verify(context, *arguments); };
  });
}

}  // namespace keel
