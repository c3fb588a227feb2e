// keel.v1.StreamService: validate, call, convert. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_STREAM_SERVICE_H_
#define KEEL_COORDINATOR_SERVICES_STREAM_SERVICE_H_

#include "coordinator/services/cluster.h"
#include "coordinator/services/streams.h"
#include "keel/v1/stream.grpc.pb.h"

namespace keel {

class StreamServiceImpl : public v1::StreamService::Service {
 public:
  // Both outlive it.
  StreamServiceImpl(Cluster& cluster, Streams& streams)
      : cluster_(cluster), streams_(streams) {}

  grpc::Status CreateStream(grpc::ServerContext* context,
                            const v1::CreateStreamRequest* request,
                            v1::Stream* response) override;
  grpc::Status GetStream(grpc::ServerContext* context,
                         const v1::GetStreamRequest* request,
                         v1::Stream* response) override;
  grpc::Status ListStreams(grpc::ServerContext* context,
                           const v1::ListStreamsRequest* request,
                           v1::ListStreamsResponse* response) override;
  grpc::Status SubmitChunk(grpc::ServerContext* context,
                           grpc::ServerReader<v1::SubmitChunkRequest>* reader,
                           v1::SubmitChunkResponse* response) override;
  grpc::Status GetUpload(grpc::ServerContext* context,
                         const v1::GetUploadRequest* request,
                         v1::Upload* response) override;
  grpc::Status ListChunks(grpc::ServerContext* context,
                          const v1::ListChunksRequest* request,
                          v1::ListChunksResponse* response) override;

 private:
  Cluster& cluster_;
  Streams& streams_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_STREAM_SERVICE_H_
