#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/commands/commands.h"

namespace keel {
namespace {

std::string WorkOf(const v1::Worker& worker) {
  if (worker.stream().empty()) return "";
  const std::string phase = absl::StrCat(worker.stream(), "@", worker.phase());
  if (worker.state() != v1::Worker::TRAINING) return phase;
  return absl::StrCat(phase, " generation ", worker.generation(), " rank ",
                      worker.rank());
}

void PrintWorkers(const CommandContext& context,
                  const v1::ListWorkersResponse& response) {
  if (context.json()) return Print(ToJson(response));
  Table table({"id", "state", "work", "device", ">threads", "capability",
               "address", "build", "attached", "heard of"});
  for (const v1::Worker& worker : response.workers()) {
    table.AddRow(
        {worker.id(), v1::Worker::State_Name(worker.state()), WorkOf(worker),
         worker.device(), absl::StrCat(worker.threads()), worker.capability(),
         worker.address(), worker.build(), FormatTime(worker.attach_time()),
         FormatTime(worker.heartbeat_time())});
  }
  Print(table.ToString());
}

absl::Status ListWorkers(CommandContext& context) {
  KEEL_ASSIGN_OR_RETURN(
      const v1::ListWorkersResponse response,
      context.client().List(context.client().workers(),
                            &v1::WorkerService::Stub::ListWorkers,
                            v1::ListWorkersRequest(),
                            [](auto& page) { return page.mutable_workers(); }));
  PrintWorkers(context, response);
  return absl::OkStatus();
}

absl::Status DrainOne(CommandContext& context, const std::string& id) {
  v1::DrainWorkerRequest request;
  request.set_id(id);
  v1::ListWorkersResponse response;
  KEEL_ASSIGN_OR_RETURN(
      *response.add_workers(),
      context.client().Call(context.client().workers(),
                            &v1::WorkerService::Stub::DrainWorker, request));
  PrintWorkers(context, response);
  return absl::OkStatus();
}

}  // namespace

void AddWorkerCommands(CLI::App& app, CommandContext& context) {
  CLI::App* worker = app.add_subcommand("worker", "Workers");
  worker->require_subcommand(1);
  worker->add_subcommand("list", "List the workers")->callback([&context] {
    context.run = [&context] { return ListWorkers(context); };
  });
  auto id = std::make_shared<std::string>();
  CLI::App* drain = worker->add_subcommand(
      "drain", "Let a worker leave at the next step boundary");
  drain->add_option("ID", *id, "The worker")->required();
  drain->callback([id, &context] {
    context.run = [id, &context] { return DrainOne(context, *id); };
  });
}

}  // namespace keel
