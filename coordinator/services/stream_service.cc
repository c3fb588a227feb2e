#include "coordinator/services/stream_service.h"

#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/services/chunk_receiver.h"
#include "coordinator/services/paging.h"
#include "coordinator/services/reply.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

absl::StatusOr<v1::Upload> FindUpload(Cluster& cluster,
                                      const v1::GetUploadRequest& request) {
  if (!IsSha256Hex(request.digest())) {
    return WithReason(
        absl::InvalidArgumentError(
            "digest has to be a SHA-256 of 64 lower-case hexadecimal digits"),
        {"DIGEST_FORMAT", {{"stream", request.stream()}}});
  }
  v1::Upload upload;
  auto state = cluster.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state->FindStream(request.stream()));
  upload.set_complete(stream->chunk_numbers.contains(request.digest()));
  BlobStore& blobs = *cluster.env().blobs;
  if (absl::StatusOr<int64_t> size = blobs.Size(request.digest()); size.ok()) {
    upload.set_received_bytes(*size);
  } else {
    upload.set_received_bytes(blobs.PartialSize(request.digest()));
  }
  return upload;
}

}  // namespace

grpc::Status StreamServiceImpl::CreateStream(
    grpc::ServerContext*, const v1::CreateStreamRequest* request,
    v1::Stream* response) {
  return Reply(streams_.Create(*request), response);
}

grpc::Status StreamServiceImpl::GetStream(grpc::ServerContext*,
                                          const v1::GetStreamRequest* request,
                                          v1::Stream* response) {
  return Reply(streams_.Get(request->name()), response);
}

grpc::Status StreamServiceImpl::ListStreams(
    grpc::ServerContext*, const v1::ListStreamsRequest* request,
    v1::ListStreamsResponse* response) {
  return ToGrpcStatus(FillPage(
      streams_.List(), [](const v1::Stream& s) { return s.name(); },
      request->page_size(), request->page_token(), response->mutable_streams(),
      response->mutable_next_page_token()));
}

grpc::Status StreamServiceImpl::SubmitChunk(
    grpc::ServerContext*, grpc::ServerReader<v1::SubmitChunkRequest>* reader,
    v1::SubmitChunkResponse* response) {
  ChunkReceiver receiver(cluster_, streams_);
  return Reply(receiver.Receive([reader](v1::SubmitChunkRequest* m) {
    return reader->Read(m);
  }),
               response);
}

grpc::Status StreamServiceImpl::GetUpload(grpc::ServerContext*,
                                          const v1::GetUploadRequest* request,
                                          v1::Upload* response) {
  return Reply(FindUpload(cluster_, *request), response);
}

grpc::Status StreamServiceImpl::ListChunks(grpc::ServerContext*,
                                           const v1::ListChunksRequest* request,
                                           v1::ListChunksResponse* response) {
  auto chunks = streams_.ListChunks(request->stream());
  if (!chunks.ok()) return ToGrpcStatus(chunks.status());
  return ToGrpcStatus(FillPage(
      *std::move(chunks),
      [](const v1::Chunk& c) { return NumberKey(c.number()); },
      request->page_size(), request->page_token(), response->mutable_chunks(),
      response->mutable_next_page_token()));
}

}  // namespace keel
