// keel-worker: trains and measures on one device for a coordinator; also the
// tools `embed`, `eval` and `selftest`, which need none.
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/metrics/names.h"
#include "common/metrics/registry.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "worker/agent/agent.h"
#include "worker/agent/signal_watcher.h"
#include "worker/train/executor_factory.h"
#include "worker/train/tools.h"

namespace keel {
namespace {

constexpr int kUsageExitCode = 2;

struct Arguments {
  Agent::Options agent;
  ExecutorOptions executor;
  MetricsServer::Options metrics{"127.0.0.1:9118"};
  EmbedOptions embed;
  EvalOptions eval;
  SelftestOptions selftest;
  std::string device = "auto";
  int threads = 0;
  double collective_timeout_seconds = 5;
  bool verbose = false;
};

void AddDeviceOptions(CLI::App& app, Arguments& arguments) {
  app.add_option("--device", arguments.device,
                 "auto (a GPU if there is one), cpu, cuda or cuda:N")
      ->capture_default_str();
  app.add_option("--threads", arguments.threads,
                 "Threads of the CPU's operators; 0: one for each core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void AddWorkerOptions(CLI::App& app, Arguments& arguments) {
  Agent::Options& agent = arguments.agent;
  app.add_option("--coordinator", agent.link.channel.address,
                 "HOST:PORT of the coordinator")
      ->envname("KEEL_COORDINATOR")
      ->capture_default_str();
  app.add_option("--state-dir", agent.state_directory,
                 "Folder of identity and cache; required");
  app.add_option("--id", agent.id,
                 "Name of this worker; default: the folder's, else random");
  app.add_option("--cache-bytes", agent.cache_capacity_bytes,
                 "Most bytes of blobs kept in the state folder")
      ->capture_default_str();
  app.add_option("--metrics-listen", arguments.metrics.address,
                 "HOST:PORT of /metrics; port 0 takes a free one")
      ->capture_default_str();
  app.add_flag("--verbose", arguments.verbose, "Log at debug level");
}

void AddCollectiveOptions(CLI::App& app, Arguments& arguments) {
  app.add_option("--collective-address", arguments.executor.collective_address,
                 "Address at which the other workers reach this one. The "
                 "data between workers is not encrypted: use a private network")
      ->capture_default_str();
  app.add_option("--collective-interface",
                 arguments.executor.collective_interface,
                 "Network interface to use in place of the address");
  app.add_option("--collective-timeout", arguments.collective_timeout_seconds,
                 "Seconds that a draining worker waits for its peers in a "
                 "collective, besides three of its slowest steps")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

void AddEval(CLI::App& app, Arguments& arguments) {
  CLI::App* eval = app.add_subcommand(
      "eval", "Prints what a checkpoint makes of a shard as JSON");
  eval->add_option("--checkpoint", arguments.eval.checkpoint, "Its folder")
      ->required();
  eval->add_option("--shard", arguments.eval.shard, "A WebDataset shard")
      ->required();
  eval->add_option("--classes", arguments.eval.classes,
                   "Class names, one a line: zero-shot accuracy in place of "
                   "retrieval. A sample's label is its first caption");
  eval->add_option("--templates", arguments.eval.templates,
                   "Prompts, one a line, with {} for the name; without: \"a "
                   "photo of a {}.\"");
  eval->add_option("--linear-probe", arguments.eval.linear_probe,
                   "A labelled shard to train a linear classifier on the "
                   "frozen embeddings of");
  eval->add_option("--result", arguments.eval.result,
                   "File for the JSON, in place of stdout");
  AddDeviceOptions(*eval, arguments);
}

void AddTools(CLI::App& app, Arguments& arguments) {
  CLI::App* embed =
      app.add_subcommand("embed", "Embeds a shard's samples with a checkpoint");
  embed->add_option("--checkpoint", arguments.embed.checkpoint, "Its folder")
      ->required();
  embed->add_option("--shard", arguments.embed.shard, "A WebDataset shard")
      ->required();
  embed->add_option("--out", arguments.embed.out, "The .safetensors to write")
      ->required();
  AddDeviceOptions(*embed, arguments);
  AddEval(app, arguments);
  CLI::App* selftest = app.add_subcommand(
      "selftest",
      "Prints the numerics of this machine's loss as JSON; in one process, "
      "without collectives");
  selftest->add_option("--loss", arguments.selftest.loss_files,
                       "A file laid out as tests/golden; required, may be "
                       "repeated");
  AddDeviceOptions(*selftest, arguments);
}

int ThreadCount(int asked) {
  if (asked > 0) return asked;
  const unsigned cores = std::thread::hardware_concurrency();
  return cores > 0 ? static_cast<int>(cores) : 1;
}

absl::Status RunWorker(Arguments& arguments) {
  if (arguments.agent.state_directory.empty()) {
    return absl::InvalidArgumentError("--state-dir is required");
  }
  SignalWatcher::BlockSignals();
  KEEL_ASSIGN_OR_RETURN(
      const std::unique_ptr<MetricsServer> metrics,
      MetricsServer::Create(arguments.metrics, WorkerMetrics()));
  ExecutorOptions& options = arguments.executor;
  options.threads = ThreadCount(arguments.threads);
  options.device = arguments.device;
  options.collective_timeout =
      absl::Seconds(arguments.collective_timeout_seconds);
  KEEL_ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                        MakeExecutor(options, *metrics));
  arguments.agent.metrics_port = metrics->port();
  KEEL_ASSIGN_OR_RETURN(const std::unique_ptr<Agent> agent,
                        Agent::Create(arguments.agent, *executor));
  SignalWatcher watcher([&agent](std::string name) { agent->Drain(name); });
  return agent->Run();
}

absl::Status Dispatch(const CLI::App& app, Arguments& arguments) {
  if (app.got_subcommand("embed")) {
    arguments.embed.threads = ThreadCount(arguments.threads);
    arguments.embed.device = arguments.device;
    return EmbedShard(arguments.embed, std::cerr);
  }
  if (app.got_subcommand("eval")) {
    arguments.eval.threads = ThreadCount(arguments.threads);
    arguments.eval.device = arguments.device;
    return EvaluateShard(arguments.eval, std::cout, std::cerr);
  }
  if (app.got_subcommand("selftest")) {
    arguments.selftest.threads = ThreadCount(arguments.threads);
    arguments.selftest.device = arguments.device;
    return RunSelftest(arguments.selftest, std::cout);
  }
  return RunWorker(arguments);
}

int Main(int argc, char** argv) {
  SetLogName("worker");
  Arguments arguments;
  CLI::App app("Trains CLIP models for a Keel coordinator.");
  AddWorkerOptions(app, arguments);
  AddCollectiveOptions(app, arguments);
  AddDeviceOptions(app, arguments);
  AddTools(app, arguments);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", KEEL_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageExitCode;
  }
  if (arguments.verbose) SetLogLevel(LogLevel::kDebug);
  const absl::Status status = Dispatch(app, arguments);
  if (status.ok()) return 0;
  LogError("ends with an error",
           {{"code", absl::StatusCodeToString(status.code())},
            {"reason", ReasonOf(status).reason},
            {"error", std::string(status.message())}});
  return absl::IsInvalidArgument(status) ? kUsageExitCode : 1;
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) { return keel::Main(argc, argv); }
