#include "coordinator/services/checkpoint_service.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/file_receiver.h"
#include "coordinator/services/frame_check.h"
#include "coordinator/services/paging.h"
#include "coordinator/services/reply.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

absl::StatusOr<std::string> DigestOf(const v1::Checkpoint& checkpoint,
                                     const std::string& name) {
  for (const v1::CheckpointFile& file : checkpoint.files()) {
    if (file.name() == name) return file.digest();
  }
  return WithReason(
      absl::NotFoundError(absl::StrCat("checkpoint ", checkpoint.stream(), "@",
                                       checkpoint.phase(), " has no file \"",
                                       name, "\"")),
      {"FILE_NOT_FOUND", {{"stream", checkpoint.stream()}, {"file", name}}});
}

}  // namespace

grpc::Status CheckpointServiceImpl::ListCheckpoints(
    grpc::ServerContext*, const v1::ListCheckpointsRequest* request,
    v1::ListCheckpointsResponse* response) {
  std::vector<v1::Checkpoint> checkpoints;
  {
    auto state = cluster_.Lock();
    absl::StatusOr<StreamState*> stream = state->FindStream(request->stream());
    if (!stream.ok()) return ToGrpcStatus(stream.status());
    for (const auto& [number, checkpoint] : (*stream)->checkpoints) {
      checkpoints.push_back(checkpoint);
    }
  }
  return ToGrpcStatus(FillPage(
      std::move(checkpoints),
      [](const v1::Checkpoint& c) { return NumberKey(c.phase()); },
      request->page_size(), request->page_token(),
      response->mutable_checkpoints(), response->mutable_next_page_token()));
}

grpc::Status CheckpointServiceImpl::GetCheckpoint(
    grpc::ServerContext*, const v1::GetCheckpointRequest* request,
    v1::Checkpoint* response) {
  return Reply(Find(request->stream(), request->phase()), response);
}

absl::StatusOr<v1::Checkpoint> CheckpointServiceImpl::Find(
    const std::string& name, int phase) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state->FindStream(name));
  const int number =
      phase == -1 ? stream->record.stream().published_phase() : phase;
  auto it = stream->checkpoints.find(number);
  if (it != stream->checkpoints.end()) return it->second;
  return WithReason(
      absl::NotFoundError(
          phase == -1
              ? absl::StrCat("stream ", name, " has published nothing yet")
              : absl::StrCat("stream ", name, " has no checkpoint ", phase)),
      {"CHECKPOINT_NOT_FOUND", {{"stream", name}}});
}

grpc::Status CheckpointServiceImpl::DownloadFile(
    grpc::ServerContext*, const v1::DownloadFileRequest* request,
    grpc::ServerWriter<v1::DownloadFileResponse>* writer) {
  absl::StatusOr<v1::Checkpoint> checkpoint =
      Find(request->stream(), request->phase());
  if (!checkpoint.ok()) return ToGrpcStatus(checkpoint.status());
  absl::StatusOr<std::string> digest = DigestOf(*checkpoint, request->file());
  if (!digest.ok()) return ToGrpcStatus(digest.status());
  return ToGrpcStatus(SendBlob(*cluster_.env().blobs, *digest,
                               request->offset(), 0,
                               [writer](v1::DataFrame frame) {
                                 v1::DownloadFileResponse response;
                                 *response.mutable_frame() = std::move(frame);
                                 return writer->Write(response);
                               }));
}

grpc::Status CheckpointServiceImpl::UploadCheckpoint(
    grpc::ServerContext* context,
    grpc::ServerReader<v1::UploadCheckpointRequest>* reader,
    v1::UploadCheckpointResponse* response) {
  return Reply(Receive(*context, reader), response);
}

absl::StatusOr<v1::UploadCheckpointResponse> CheckpointServiceImpl::Receive(
    const grpc::ServerContext& context,
    grpc::ServerReader<v1::UploadCheckpointRequest>* reader) {
  FileReceiver files(cluster_, FileReceiver::Sender::kUser);
  v1::UploadCheckpointRequest message;
  size_t file_count = 0;
  while (reader->Read(&message)) {
    if (message.file_count() > 0) file_count = message.file_count();
    KEEL_RETURN_IF_ERROR(message.has_file() ? files.StartFile(message.file())
                                            : files.Take(message.frame()));
  }
  KEEL_ASSIGN_OR_RETURN(auto received, files.Finish());
  // A call that was cut between two files ends like a whole one.
  if (received.size() < file_count || context.IsCancelled()) {
    return WithReason(absl::AbortedError(absl::StrCat("the upload ended after ",
                                                      received.size(), " of ",
                                                      file_count, " files")),
                      {"UPLOAD_INCOMPLETE", {}});
  }
  v1::UploadCheckpointResponse response;
  KEEL_ASSIGN_OR_RETURN(*response.mutable_id(),
                        artifacts_.AcceptCheckpoint(received));
  return response;
}

}  // namespace keel
