#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"

namespace keel {
namespace {

// How fast a coordinator recomputes, at the least.
constexpr int64_t kTouchesPerSecond = 100'000;

struct LedgerArguments {
  std::string stream;
  int phase = 0;
  bool verify = false;
};

struct Verdicts {
  v1::VerifyLedgerResponse trained;
  // Phases without a result: there is nothing to prove yet, or ever.
  std::vector<v1::Phase> others;
};

void AddAccounting(const v1::Accounting& accounting,
                   std::vector<std::string>& row) {
  row.push_back(FormatCount(accounting.accepted_count()));
  row.push_back(FormatCount(accounting.probe_count()));
  row.push_back(FormatCount(accounting.over_probe_cap_count()));
  row.push_back(FormatCount(accounting.dropped_count()));
}

std::vector<std::string> RowOf(const v1::LedgerVerdict& verdict) {
  std::vector<std::string> row = {absl::StrCat("@", verdict.phase()),
                                  absl::StrCat(verdict.attempt()),
                                  verdict.ok() ? "proven" : "WRONG",
                                  FormatCount(verdict.sample_count()),
                                  FormatCount(verdict.due_count()),
                                  FormatCount(verdict.trained_count()),
                                  FormatCount(verdict.replayed_count()),
                                  FormatCount(verdict.struck_count()),
                                  FormatCount(verdict.step_count()),
                                  FormatCount(verdict.wrong_step_count())};
  AddAccounting(verdict.accounting(), row);
  return row;
}

std::vector<std::string> RowOf(const v1::Phase& phase) {
  std::vector<std::string> row = {
      absl::StrCat("@", phase.number()), absl::StrCat(phase.attempt()),
      v1::Phase::State_Name(phase.state()),
      FormatCount(phase.accounting().planned_count())};
  row.resize(10);  // up to "wrong steps": nothing was trained
  AddAccounting(phase.accounting(), row);
  return row;
}

void PrintVerdicts(const Verdicts& verdicts) {
  std::map<int, std::vector<std::string>> rows;
  for (const auto& verdict : verdicts.trained.verdicts()) {
    rows[verdict.phase()] = RowOf(verdict);
  }
  for (const v1::Phase& phase : verdicts.others) {
    rows[phase.number()] = RowOf(phase);
  }
  Table table({"phase", ">attempt", "verdict", ">samples", ">due", ">trained",
               ">replayed", ">struck", ">steps", ">wrong steps", ">accepted",
               ">probe", ">over cap", ">dropped"});
  for (auto& [number, row] : rows) table.AddRow(std::move(row));
  Print(table.ToString());
  for (const v1::LedgerVerdict& verdict : verdicts.trained.verdicts()) {
    for (const std::string& problem : verdict.problems()) {
      Print(absl::StrCat("@", verdict.phase(), ": ", problem));
    }
  }
}

// The phase that was asked for, or all.
absl::StatusOr<std::vector<v1::Phase>> PhasesToVerify(
    Client& client, const LedgerArguments& arguments) {
  if (arguments.phase != 0) {
    v1::GetPhaseRequest request;
    request.set_stream(arguments.stream);
    request.set_number(arguments.phase);
    KEEL_ASSIGN_OR_RETURN(
        v1::Phase phase,
        client.Call(client.phases(), &v1::PhaseService::Stub::GetPhase,
                    request));
    return std::vector{std::move(phase)};
  }
  v1::ListPhasesRequest request;
  request.set_stream(arguments.stream);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListPhasesResponse all,
      client.List(client.phases(), &v1::PhaseService::Stub::ListPhases, request,
                  [](auto& page) { return page.mutable_phases(); }));
  return std::vector<v1::Phase>(all.phases().begin(), all.phases().end());
}

// The verdicts of one call for each phase: each may take its time.
absl::StatusOr<Verdicts> AskForVerdicts(Client& client,
                                        const LedgerArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(const std::vector<v1::Phase> phases,
                        PhasesToVerify(client, arguments));
  Verdicts verdicts;
  for (const v1::Phase& phase : phases) {
    v1::VerifyLedgerRequest request;
    request.set_stream(arguments.stream);
    request.set_phase(phase.number());
    auto response = client.Call(
        client.phases(), &v1::PhaseService::Stub::VerifyLedger, request,
        absl::Seconds(phase.sample_count() * phase.epochs() /
                      kTouchesPerSecond));
    if (arguments.phase == 0 && absl::IsFailedPrecondition(response.status())) {
      verdicts.others.push_back(phase);
      continue;
    }
    KEEL_RETURN_IF_ERROR(response.status());
    verdicts.trained.MergeFrom(*response);
  }
  return verdicts;
}

absl::Status Verify(CommandContext& context, const LedgerArguments& arguments) {
  KEEL_ASSIGN_OR_RETURN(const Verdicts verdicts,
                        AskForVerdicts(context.client(), arguments));
  const v1::VerifyLedgerResponse& response = verdicts.trained;
  if (context.json()) {
    Print(ToJson(response));
  } else {
    PrintVerdicts(verdicts);
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
