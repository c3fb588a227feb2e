#include "coordinator/services/server.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/file_system.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "coordinator/services/checkpoint_service.h"
#include "coordinator/services/coordinator_parts.h"
#include "coordinator/services/metrics_export.h"
#include "coordinator/services/phase_service.h"
#include "coordinator/services/rpc_metrics.h"
#include "coordinator/services/stream_service.h"
#include "coordinator/services/worker_service.h"
#include "coordinator/store/directory_blob_store.h"
#include "coordinator/store/sqlite_store.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

namespace keel {
namespace {

constexpr char kLockFile[] = "lock";
constexpr char kDatabaseFile[] = "coordinator.db";
constexpr char kBlobFolder[] = "blobs";

// The state folder, held by this process.
struct StateFolder {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<Store> store;
  std::unique_ptr<BlobStore> blobs;
};

absl::StatusOr<StateFolder> OpenFolder(const std::string& path) {
  StateFolder folder;
  KEEL_RETURN_IF_ERROR(CreateDirectories(path));
  KEEL_ASSIGN_OR_RETURN(folder.lock,
                        FileLock::Acquire(JoinPath(path, kLockFile)));
  KEEL_ASSIGN_OR_RETURN(folder.store,
                        SqliteStore::Open(JoinPath(path, kDatabaseFile)));
  KEEL_ASSIGN_OR_RETURN(
      folder.blobs,
      DirectoryBlobStore::Open({.path = JoinPath(path, kBlobFolder)}));
  return folder;
}

struct Services {
  explicit Services(CoordinatorParts& parts)
      : stream(parts.cluster, parts.streams),
        phase(parts.cluster, parts.requests),
        checkpoint(parts.cluster, parts.artifacts),
        worker(parts.cluster, parts.workers, parts.artifacts) {}

  std::vector<grpc::Service*> all() {
    return {&stream, &phase, &checkpoint, &worker};
  }

  StreamServiceImpl stream;
  PhaseServiceImpl phase;
  CheckpointServiceImpl checkpoint;
  WorkerServiceImpl worker;
};

void Configure(const CoordinatorServer::Options& options,
               grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("coordinator");
  quota.SetMaxThreads(options.max_threads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.SetMaxSendMessageSize(options.max_message_bytes);
  // Two coordinators must not share a port unseen.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Finds peers that went without a word; workers may ping as often.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
}

class ServerImpl : public CoordinatorServer {
 public:
  ServerImpl(StateFolder folder, std::unique_ptr<Cluster> cluster)
      : folder_(std::move(folder)),
        cluster_(std::move(cluster)),
        parts_(*cluster_),
        services_(parts_) {}
  ~ServerImpl() override { Shutdown(absl::ZeroDuration()); }

  absl::Status Serve(const Options& options);

  int port() const override { return port_; }
  const std::string& cluster_id() const override {
    return cluster_->cluster_id();
  }
  void Shutdown(absl::Duration grace) override;

 private:
  void SetHealth();

  StateFolder folder_;
  const std::unique_ptr<Cluster> cluster_;
  CoordinatorParts parts_;
  Services services_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

absl::Status ServerImpl::Serve(const Options& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(options, builder);
  builder.AddListeningPort(options.listen_address,
                           grpc::InsecureServerCredentials(), &port_);
  for (grpc::Service* service : services_.all()) {
    builder.RegisterService(service);
  }
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(
      std::make_unique<RpcMetrics>(*cluster_->env().metrics));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options.listen_address));
  }
  parts_.controller.Start();
  SetHealth();
  return absl::OkStatus();
}

void ServerImpl::SetHealth() {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  health->SetServingStatus(true);
  for (const char* name :
       {"keel.v1.StreamService", "keel.v1.PhaseService",
        "keel.v1.CheckpointService", "keel.v1.WorkerService"}) {
    health->SetServingStatus(name, true);
  }
}

void ServerImpl::Shutdown(absl::Duration grace) {
  if (server_ == nullptr) return;
  server_->GetHealthCheckService()->Shutdown();
  parts_.controller.Stop();
  parts_.workers.CancelAll();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
  server_ = nullptr;
}

void ExportStored(Cluster& cluster) {
  auto state = cluster.Lock();
  ExportGauges(*state, *cluster.env().metrics);
  for (const auto& [name, stream] : state->streams) {
    ExportEvaluation(stream, *cluster.env().store, *cluster.env().metrics);
  }
}

}  // namespace

absl::Status CoordinatorServer::Options::Validate() const {
  if (state_dir.empty()) {
    return absl::InvalidArgumentError("state_dir must be set");
  }
  if (heartbeat_every <= absl::ZeroDuration() ||
      heartbeat_every >= planner.evict_after) {
    return absl::InvalidArgumentError(
        "heartbeat_every has to be above 0 and below evict_after");
  }
  if (min_free_bytes < 0 || max_threads < 8 || max_message_bytes < 8 << 20) {
    return absl::InvalidArgumentError(
        "min_free_bytes >= 0, max_threads >= 8 and max_message_bytes >= 8 MiB "
        "are needed");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const Options& options, Metrics* metrics) {
  static const SystemClock clock;
  KEEL_RETURN_IF_ERROR(options.Validate());
  KEEL_ASSIGN_OR_RETURN(StateFolder folder, OpenFolder(options.state_dir));
  Environment environment;
  environment.store = folder.store.get();
  environment.blobs = folder.blobs.get();
  environment.metrics = metrics;
  environment.clock = &clock;
  environment.planner = options.planner;
  environment.heartbeat_every = options.heartbeat_every;
  environment.max_message_bytes = options.max_message_bytes;
  environment.min_free_bytes = options.min_free_bytes;
  environment.on_fatal = [](const absl::Status&) {
    std::_Exit(kStoreExitCode);
  };
  KEEL_ASSIGN_OR_RETURN(std::unique_ptr<Cluster> cluster,
                        Cluster::Load(environment));
  KEEL_RETURN_IF_ERROR(cluster->Sweep(Cluster::kUploadLifetime));
  ExportStored(*cluster);
  auto server =
      std::make_unique<ServerImpl>(std::move(folder), std::move(cluster));
  KEEL_RETURN_IF_ERROR(server->Serve(options));
  return server;
}

}  // namespace keel
