#include "coordinator/client/local_cluster.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(50);

std::string Endpoint(const std::string& host, int port) {
  return absl::StrCat(host, ":", port);
}

bool Listens(const std::string& host, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  absl::Cleanup closer = [fd] { close(fd); };
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return false;
  return connect(fd, reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)) == 0;
}

int ThreadsPerWorker(const LocalCluster::Options& options) {
  if (options.threads > 0) return options.threads;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, cores / std::max(1, options.workers));
}

absl::Status CheckPort(const char* name, int first, int last) {
  if (first >= 1 && last <= 65535) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " must lie in 1 to 65535, got ", first));
}

}  // namespace

absl::Status LocalCluster::Options::Validate() const {
  if (workers < 0 || workers > 256) {
    return absl::InvalidArgumentError(
        absl::StrCat("--workers must lie in 0 to 256, got ", workers));
  }
  if (threads < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads must not be negative, got ", threads));
  }
  if (state_dir.empty()) {
    return absl::InvalidArgumentError("--state-dir must not be empty");
  }
  KEEL_RETURN_IF_ERROR(CheckPort("--port", port, port));
  KEEL_RETURN_IF_ERROR(
      CheckPort("--metrics-port", metrics_port, metrics_port + workers));
  if (port >= metrics_port && port <= metrics_port + workers) {
    return absl::InvalidArgumentError(
        absl::StrCat("--port ", port, " is also one of the metrics' ports"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LocalCluster>> LocalCluster::Create(
    Options options) {
  KEEL_RETURN_IF_ERROR(options.Validate());
  for (const char* program : {"keel-coordinator", "keel-worker"}) {
    const std::string path = JoinPath(options.program_dir, program);
    const bool needed =
        options.workers > 0 || std::string(program) != "keel-worker";
    if (needed && access(path.c_str(), X_OK) != 0) {
      return absl::NotFoundError(absl::StrCat("no program at ", path));
    }
  }
  KEEL_RETURN_IF_ERROR(CreateDirectories(JoinPath(options.state_dir, "logs")));
  KEEL_ASSIGN_OR_RETURN(
      auto lock, FileLock::Acquire(JoinPath(options.state_dir, "up.lock")));
  return std::unique_ptr<LocalCluster>(
      new LocalCluster(std::move(options), std::move(lock)));
}

LocalCluster::LocalCluster(Options options, std::unique_ptr<FileLock> lock)
    : options_(std::move(options)), lock_(std::move(lock)) {
  AddCoordinator();
  for (int i = 0; i < options_.workers; ++i) AddWorker(i);
}

void LocalCluster::AddCoordinator() {
  Server server;
  server.name = "coordinator";
  server.arguments = {JoinPath(options_.program_dir, "keel-coordinator"),
                      "--listen",
                      Endpoint(options_.host, options_.port),
                      "--state-dir",
                      JoinPath(options_.state_dir, "coordinator"),
                      "--metrics-listen",
                      Endpoint(options_.host, options_.metrics_port)};
  servers_.push_back(std::move(server));
}

void LocalCluster::AddWorker(int index) {
  Server server;
  server.name = absl::StrCat("worker-", index);
  server.arguments = {
      JoinPath(options_.program_dir, "keel-worker"),
      "--coordinator",
      Endpoint(options_.host, options_.port),
      "--state-dir",
      JoinPath(options_.state_dir, server.name),
      "--threads",
      absl::StrCat(ThreadsPerWorker(options_)),
      "--metrics-listen",
      Endpoint(options_.host, options_.metrics_port + 1 + index)};
  servers_.push_back(std::move(server));
}

absl::Status LocalCluster::Launch(Server& server) {
  server.log_path =
      JoinPath(JoinPath(options_.state_dir, "logs"), server.name + ".log");
  server.start_time = absl::Now();
  server.restart_time = absl::InfiniteFuture();
  KEEL_ASSIGN_OR_RETURN(server.process,
                        ChildProcess::Start(server.arguments, server.log_path));
  return absl::OkStatus();
}

absl::Status LocalCluster::WaitUntilListening(Server& coordinator) {
  const absl::Time deadline = absl::Now() + options_.start_timeout;
  while (!Listens(options_.host, options_.port)) {
    if (!coordinator.process->Running()) {
      return absl::InternalError(absl::StrCat(
          "the coordinator ended at its start (",
          coordinator.process->HowItEnded(), "); see ", coordinator.log_path));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the coordinator does not listen at ",
                       Endpoint(options_.host, options_.port), "; see ",
                       coordinator.log_path));
    }
    absl::SleepFor(kPoll);
  }
  return absl::OkStatus();
}

absl::Status LocalCluster::Start() {
  if (Listens(options_.host, options_.port)) {
    return absl::FailedPreconditionError(
        absl::StrCat("something listens at ",
                     Endpoint(options_.host, options_.port), " already"));
  }
  KEEL_RETURN_IF_ERROR(Launch(servers_[0]));
  KEEL_RETURN_IF_ERROR(WaitUntilListening(servers_[0]));
  for (size_t i = 1; i < servers_.size(); ++i) {
    KEEL_RETURN_IF_ERROR(Launch(servers_[i]));
  }
  return absl::OkStatus();
}

absl::Status LocalCluster::Watch() {
  for (Server& server : servers_) {
    KEEL_RETURN_IF_ERROR(WatchServer(server));
  }
  return absl::OkStatus();
}

absl::Status LocalCluster::WatchServer(Server& server) {
  if (server.process == nullptr) {
    if (absl::Now() < server.restart_time) return absl::OkStatus();
    Tell(absl::StrCat(server.name, " is started again"));
    return Launch(server);
  }
  return server.process->Running() ? absl::OkStatus() : NoteEnd(server);
}

absl::Status LocalCluster::NoteEnd(Server& server) {
  const bool ended_well = server.process->EndedWell();
  const std::string how = server.process->HowItEnded();
  const absl::Time now = absl::Now();
  server.process.reset();
  Tell(absl::StrCat(server.name, " ended: ", how));
  if (ended_well) {
    if (&server != &servers_[0]) return absl::OkStatus();
    return absl::AbortedError("the coordinator was stopped");
  }
  const bool steady = now - server.start_time >= options_.steady_after;
  server.failures = steady ? 1 : server.failures + 1;
  if (server.failures >= options_.max_failures) {
    return absl::InternalError(
        absl::StrCat(server.name, " failed ", server.failures,
                     " times in a row (", how, "); see ", server.log_path));
  }
  server.restart_time =
      now + options_.restart_delay * (1 << (server.failures - 1));
  return absl::OkStatus();
}

void LocalCluster::DrainServers(size_t begin, size_t end,
                                const std::function<bool()>& hurry) {
  const auto signal_all = [&](int signal) {
    for (size_t i = begin; i < end; ++i) {
      if (servers_[i].process != nullptr) servers_[i].process->Signal(signal);
    }
  };
  const auto running = [&] {
    return std::any_of(servers_.begin() + begin, servers_.begin() + end,
                       [](const Server& server) {
                         return server.process != nullptr &&
                                server.process->Running();
                       });
  };
  signal_all(SIGTERM);
  const absl::Time deadline = absl::Now() + options_.drain_timeout;
  while (running() && absl::Now() < deadline) {
    if (hurry()) signal_all(SIGTERM);
    absl::SleepFor(kPoll);
  }
  if (running()) Tell("killing what did not end in time");
  // The destructors kill and reap what is left.
  for (size_t i = begin; i < end; ++i) servers_[i].process.reset();
}

void LocalCluster::Drain(const std::function<bool()>& hurry) {
  // Workers first: they hand their work over to the coordinator.
  DrainServers(1, servers_.size(), hurry);
  DrainServers(0, 1, hurry);
}

std::vector<std::string> LocalCluster::Describe() const {
  std::vector<std::string> lines;
  for (size_t i = 0; i < servers_.size(); ++i) {
    lines.push_back(absl::StrCat(
        servers_[i].name,
        i == 0 ? absl::StrCat("  ", Endpoint(options_.host, options_.port))
               : "",
        "  metrics http://",
        Endpoint(options_.host, options_.metrics_port + static_cast<int>(i)),
        "/metrics  log ", servers_[i].log_path));
  }
  return lines;
}

void LocalCluster::Tell(const std::string& line) const {
  if (options_.tell) options_.tell(line);
}

std::string ProgramDirectory() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : path.parent_path().string();
}

absl::Status RunLocalCluster(LocalCluster::Options options) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto signalled = [&](absl::Duration wait) {
    const timespec time = absl::ToTimespec(wait);
    return sigtimedwait(&signals, nullptr, &time) > 0;
  };
  const auto tell = options.tell ? options.tell : [](const std::string&) {};
  KEEL_ASSIGN_OR_RETURN(const auto cluster,
                        LocalCluster::Create(std::move(options)));
  absl::Status status = cluster->Start();
  if (status.ok()) {
    for (const std::string& line : cluster->Describe()) tell(line);
    tell("Ctrl-C drains and stops.");
  }
  while (status.ok() && !signalled(4 * kPoll)) status = cluster->Watch();
  tell(status.ok() ? "draining" : "stopping");
  cluster->Drain([&] { return signalled(absl::ZeroDuration()); });
  return status;
}

}  // namespace keel
