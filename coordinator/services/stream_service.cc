#include "coordinator/services/stream_service.h"

#include <optional>

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
  std::optional<int64_t> accepted_bytes;
  {
    auto state = cluster.Lock();
    KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                          state->FindStream(request.stream()));
    const auto number = stream->chunk_numbers.find(request.digest());
    if (number != stream->chunk_numbers.end()) {
      accepted_bytes = stream->chunks.at(number->second).chunk().size_bytes();
    }
  }
  BlobStore& blobs = *cluster.env().blobs;
  // Beside a stored copy, which is damaged then, an upload may be mending it.
  const int64_t partial = blobs.PartialSize(request.digest());
  v1::Upload upload;
  upload.set_received_bytes(
      partial > 0 ? partial : blobs.Size(request.digest()).value_or(0));
  upload.set_complete(partial == 0 &&
                      upload.received_bytes() == accepted_bytes);
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
