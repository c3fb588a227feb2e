// keel.v1.CheckpointService: validate, call, convert. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_CHECKPOINT_SERVICE_H_
#define KEEL_COORDINATOR_SERVICES_CHECKPOINT_SERVICE_H_

#include "coordinator/services/artifacts.h"
#include "coordinator/services/cluster.h"
#include "keel/v1/checkpoint.grpc.pb.h"

namespace keel {

class CheckpointServiceImpl : public v1::CheckpointService::Service {
 public:
  // Both outlive it.
  CheckpointServiceImpl(Cluster& cluster, Artifacts& artifacts)
      : cluster_(cluster), artifacts_(artifacts) {}

  grpc::Status ListCheckpoints(grpc::ServerContext* context,
                               const v1::ListCheckpointsRequest* request,
                               v1::ListCheckpointsResponse* response) override;
  grpc::Status GetCheckpoint(grpc::ServerContext* context,
                             const v1::GetCheckpointRequest* request,
                             v1::Checkpoint* response) override;
  grpc::Status DownloadFile(
      grpc::ServerContext* context, const v1::DownloadFileRequest* request,
      grpc::ServerWriter<v1::DownloadFileResponse>* writer) override;
  grpc::Status UploadCheckpoint(
      grpc::ServerContext* context,
      grpc::ServerReader<v1::UploadCheckpointRequest>* reader,
      v1::UploadCheckpointResponse* response) override;

 private:
  absl::StatusOr<v1::Checkpoint> Find(const std::string& stream, int phase);
  absl::StatusOr<v1::UploadCheckpointResponse> Receive(
      const grpc::ServerContext& context,
      grpc::ServerReader<v1::UploadCheckpointRequest>* reader);

  Cluster& cluster_;
  Artifacts& artifacts_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_CHECKPOINT_SERVICE_H_
