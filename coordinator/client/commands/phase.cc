#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"
#include "coordinator/client/commands/phase_watch.h"

namespace keel {
namespace {

struct PhaseArguments {
  std::string stream;
  int number = 0;
  int attempt = 0;
  std::string request_id;
};

std::string SamplesText(const v1::Accounting& a) {
  std::string text =
      absl::StrCat(FormatCount(a.accepted_count()),
                   " accepted = ", FormatCount(a.planned_count()),
                   " planned + ", FormatCount(a.probe_count()), " probe + ",
                   FormatCount(a.over_probe_cap_count()), " over its cap + ",
                   FormatCount(a.dropped_count()), " dropped");
  if (a.earlier_count() > 0) {
    absl::StrAppend(&text, "; ", FormatCount(a.earlier_count()),
                    " of earlier phases planned again");
  }
  if (a.replay_count() > 0) {
    absl::StrAppend(&text, "; ", FormatCount(a.replay_count()),
                    " of earlier phases to replay");
  }
  return text;
}

void PrintPhase(const CommandContext& context, const v1::Phase& phase) {
  if (context.json()) return Print(ToJson(phase));
  Print(FieldList({
      {"phase", absl::StrCat(phase.stream(), "@", phase.number(), ", attempt ",
                             phase.attempt())},
      {"state", v1::Phase::State_Name(phase.state())},
      {"reason", phase.reason()},
      {"parent", phase.parent() < 0 ? "random weights"
                                    : absl::StrCat("@", phase.parent())},
      {"chunks", absl::StrCat(phase.chunk_digests_size())},
      {"samples", SamplesText(phase.accounting())},
      {"epochs", absl::StrCat(phase.epochs())},
      {"steps", absl::StrCat(FormatCount(phase.committed_step_count()), " of ",
                             FormatCount(phase.step_count()))},
      {"group", phase.generation() == 0
                    ? "none"
                    : absl::StrCat("generation ", phase.generation(), ", ",
                                   phase.worker_count(), " workers")},
      {"created", FormatTime(phase.create_time())},
      {"started", FormatTime(phase.start_time())},
      {"ended", FormatTime(phase.end_time())},
  }));
}

absl::Status ListPhases(CommandContext& context,
                        const PhaseArguments& arguments) {
  v1::ListPhasesRequest request;
  request.set_stream(arguments.stream);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListPhasesResponse response,
      context.client().List(context.client().phases(),
                            &v1::PhaseService::Stub::ListPhases, request,
                            [](auto& page) { return page.mutable_phases(); }));
  if (context.json()) {
    Print(ToJson(response));
    return absl::OkStatus();
  }
  Table table({">phase", ">attempt", "state", "parent", ">samples", ">steps",
               ">of", ">workers", "started", "ended", "reason"});
  for (const v1::Phase& phase : response.phases()) {
    table.AddRow(
        {absl::StrCat(phase.number()), absl::StrCat(phase.attempt()),
         v1::Phase::State_Name(phase.state()),
         phase.parent() < 0 ? "random" : absl::StrCat("@", phase.parent()),
         FormatCount(phase.sample_count()),
         FormatCount(phase.committed_step_count()),
         FormatCount(phase.step_count()), absl::StrCat(phase.worker_count()),
         FormatTime(phase.start_time()), FormatTime(phase.end_time()),
         phase.reason()});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

absl::Status ListSteps(CommandContext& context,
                       const PhaseArguments& arguments) {
  v1::ListStepsRequest request;
  request.set_stream(arguments.stream);
  request.set_phase(arguments.number);
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListStepsResponse response,
      context.client().List(context.client().phases(),
                            &v1::PhaseService::Stub::ListSteps, request,
                            [](auto& page) { return page.mutable_steps(); }));
  if (context.json()) {
    Print(ToJson(response));
    return absl::OkStatus();
  }
  Table table({">step", ">generation", ">samples", ">struck", ">loss"});
  for (const v1::Step& step : response.steps()) {
    table.AddRow({absl::StrCat(step.number()), absl::StrCat(step.generation()),
                  FormatCount(step.sample_count()),
                  FormatCount(step.struck_count()),
                  absl::StrFormat("%.6f", step.loss_total())});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

// Calls a method that takes (stream, number) and returns the phase.
template <typename Request>
absl::Status CallOnPhase(CommandContext& context,
                         const PhaseArguments& arguments,
                         grpc::Status (v1::PhaseService::Stub::*method)(
                             grpc::ClientContext*, const Request&,
                             v1::Phase*)) {
  Request request;
  request.set_stream(arguments.stream);
  request.set_number(arguments.number);
  KEEL_ASSIGN_OR_RETURN(
      const v1::Phase phase,
      context.client().Call(context.client().phases(), method, request));
  PrintPhase(context, phase);
  return absl::OkStatus();
}

absl::Status Close(CommandContext& context, const PhaseArguments& arguments) {
  v1::ClosePhaseRequest request;
  request.set_stream(arguments.stream);
  request.set_request_id(arguments.request_id.empty() ? RandomId()
                                                      : arguments.request_id);
  KEEL_ASSIGN_OR_RETURN(
      const v1::Phase phase,
      context.client().Call(context.client().phases(),
                            &v1::PhaseService::Stub::ClosePhase, request));
  PrintPhase(context, phase);
  return absl::OkStatus();
}

absl::Status Retry(CommandContext& context, const PhaseArguments& arguments) {
  v1::RetryPhaseRequest request;
  request.set_stream(arguments.stream);
  request.set_number(arguments.number);
  request.set_attempt(arguments.attempt);
  KEEL_ASSIGN_OR_RETURN(
      const v1::Phase phase,
      context.client().Call(context.client().phases(),
                            &v1::PhaseService::Stub::RetryPhase, request));
  PrintPhase(context, phase);
  return absl::OkStatus();
}

absl::Status Watch(CommandContext& context, const PhaseArguments& arguments) {
  return WatchPhases(context, arguments.stream, arguments.number);
}

enum class Number { kNone, kOptional, kRequired };

template <typename Action>
std::shared_ptr<PhaseArguments> AddVerb(CLI::App& parent,
                                        CommandContext& context,
                                        const std::string& verb,
                                        const std::string& help, Number number,
                                        Action action) {
  auto arguments = std::make_shared<PhaseArguments>();
  CLI::App* command = parent.add_subcommand(verb, help);
  command->add_option("STREAM", arguments->stream, "The stream")->required();
  if (number != Number::kNone) {
    command->add_option("N", arguments->number, "The phase's number")
        ->check(CLI::PositiveNumber)
        ->required(number == Number::kRequired);
  }
  command->callback([arguments, action, &context] {
    context.run = [arguments, action, &context] {
      return action(context, *arguments);
    };
  });
  return arguments;
}

template <typename Request>
void AddCall(CLI::App& parent, CommandContext& context, const std::string& verb,
             const std::string& help,
             grpc::Status (v1::PhaseService::Stub::*method)(
                 grpc::ClientContext*, const Request&, v1::Phase*)) {
  AddVerb(parent, context, verb, help, Number::kRequired,
          [method](CommandContext& c, const PhaseArguments& arguments) {
            return CallOnPhase(c, arguments, method);
          });
}

}  // namespace

void AddPhaseCommands(CLI::App& app, CommandContext& context) {
  using Stub = v1::PhaseService::Stub;
  CLI::App* phase = app.add_subcommand("phase", "Phases of a stream");
  phase->require_subcommand(1);
  AddVerb(*phase, context, "list", "List a stream's phases", Number::kNone,
          &ListPhases);
  AddCall(*phase, context, "show", "Show a phase", &Stub::GetPhase);
  AddVerb(*phase, context, "steps", "List a phase's committed steps",
          Number::kRequired, &ListSteps);
  AddVerb(*phase, context, "watch",
          "Follow a phase to its end; without N: one phase after another "
          "until none is left running. Exit 0 if it ends PUBLISHED or SKIPPED",
          Number::kOptional, &Watch);
  const auto close =
      AddVerb(*phase, context, "close",
              "Make a phase of all chunks that wait, whatever the policy says",
              Number::kNone, &Close);
  phase->get_subcommand("close")->add_option("--request-id", close->request_id,
                                             "Makes a repeated call safe");
  AddCall(*phase, context, "cancel", "End a phase", &Stub::CancelPhase);
  const auto retry = AddVerb(*phase, context, "retry",
                             "Start a FAILED or CANCELLED phase anew",
                             Number::kRequired, &Retry);
  phase->get_subcommand("retry")
      ->add_option("--attempt", retry->attempt,
                   "Attempt that is to be tried again; makes a repeated call "
                   "safe")
      ->check(CLI::PositiveNumber);
  AddCall(*phase, context, "skip", "Give a FAILED phase up", &Stub::SkipPhase);
  AddCall(*phase, context, "approve", "Publish a HELD phase",
          &Stub::ApprovePhase);
  AddCall(*phase, context, "reject", "Throw a HELD phase's model away",
          &Stub::RejectPhase);
}

}  // namespace keel
