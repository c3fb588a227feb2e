// keel.v1.WorkerService: validate, call, convert. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_WORKER_SERVICE_H_
#define KEEL_COORDINATOR_SERVICES_WORKER_SERVICE_H_

#include <memory>

#include "coordinator/services/artifacts.h"
#include "coordinator/services/cluster.h"
#include "coordinator/services/worker_registry.h"
#include "coordinator/services/worker_session.h"
#include "keel/v1/worker.grpc.pb.h"

namespace keel {

class WorkerServiceImpl : public v1::WorkerService::Service {
 public:
  // All outlive it.
  WorkerServiceImpl(Cluster& cluster, WorkerRegistry& workers,
                    Artifacts& artifacts)
      : cluster_(cluster), workers_(workers), artifacts_(artifacts) {}

  grpc::Status Attach(grpc::ServerContext* context,
                      WorkerSession::Stream* stream) override;
  grpc::Status ReadBlob(
      grpc::ServerContext* context, const v1::ReadBlobRequest* request,
      grpc::ServerWriter<v1::ReadBlobResponse>* writer) override;
  grpc::Status UploadArtifact(
      grpc::ServerContext* context,
      grpc::ServerReader<v1::UploadArtifactRequest>* reader,
      v1::UploadArtifactResponse* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context,
                           const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;
  grpc::Status DrainWorker(grpc::ServerContext* context,
                           const v1::DrainWorkerRequest* request,
                           v1::Worker* response) override;

 private:
  absl::Status Serve(const v1::WorkerMessage& first,
                     std::shared_ptr<WorkerSession> session,
                     WorkerSession::Stream* stream);
  absl::Status Receive(grpc::ServerReader<v1::UploadArtifactRequest>* reader);

  Cluster& cluster_;
  WorkerRegistry& workers_;
  Artifacts& artifacts_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_WORKER_SERVICE_H_
