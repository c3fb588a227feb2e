#include "coordinator/services/worker_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/file_receiver.h"
#include "coordinator/services/frame_check.h"
#include "coordinator/services/paging.h"
#include "coordinator/services/reply.h"

namespace keel {
namespace {

// The host in gRPC's name of a peer, such as "ipv4:10.0.0.7:51234" or
// "ipv6:%5Bfd00::7%5D:51234".
std::string HostOf(const std::string& peer) {
  const size_t begin = peer.find(':') + 1;
  const size_t end = peer.rfind(':');
  if (begin == 0 || end < begin) return peer;
  return absl::StrReplaceAll(peer.substr(begin, end - begin),
                             {{"%5B", ""}, {"%5D", ""}});
}

}  // namespace

grpc::Status WorkerServiceImpl::Attach(grpc::ServerContext* context,
                                       WorkerSession::Stream* stream) {
  v1::WorkerMessage first;
  if (!stream->Read(&first)) {
    return ToGrpcStatus(WithReason(
        absl::InvalidArgumentError("no hello was sent"), {"HELLO", {}}));
  }
  if (first.has_hello()) {
    first.mutable_hello()->mutable_worker()->set_address(
        HostOf(context->peer()));
  }
  auto session =
      std::make_shared<WorkerSession>(cluster_.cluster_id(), context, stream);
  const absl::Status status = Serve(first, session, stream);
  session->Finish();
  return ToGrpcStatus(status);
}

absl::Status WorkerServiceImpl::Serve(const v1::WorkerMessage& first,
                                      std::shared_ptr<WorkerSession> session,
                                      WorkerSession::Stream* stream) {
  KEEL_ASSIGN_OR_RETURN(const int64_t number, workers_.Attach(first, session));
  const std::string id = first.hello().worker().id();
  absl::Status status;
  v1::WorkerMessage message;
  while (status.ok() && stream->Read(&message)) {
    session->set_message_waits(true);
    status = workers_.Handle(id, number, message);
    session->set_message_waits(false);
  }
  workers_.Detach(id, number);
  return status;
}

grpc::Status WorkerServiceImpl::ReadBlob(
    grpc::ServerContext*, const v1::ReadBlobRequest* request,
    grpc::ServerWriter<v1::ReadBlobResponse>* writer) {
  return ToGrpcStatus(SendBlob(*cluster_.env().blobs, request->digest(),
                               request->offset(), request->length(),
                               [writer](v1::DataFrame frame) {
                                 v1::ReadBlobResponse response;
                                 *response.mutable_frame() = std::move(frame);
                                 return writer->Write(response);
                               }));
}

grpc::Status WorkerServiceImpl::UploadArtifact(
    grpc::ServerContext*, grpc::ServerReader<v1::UploadArtifactRequest>* reader,
    v1::UploadArtifactResponse*) {
  const absl::Time start = cluster_.Now();
  const absl::Status status = Receive(reader);
  if (status.ok()) {
    cluster_.env().metrics->Observe(
        "keel_checkpoint_write_seconds",
        absl::ToDoubleSeconds(cluster_.Now() - start));
  }
  return ToGrpcStatus(status);
}

absl::Status WorkerServiceImpl::Receive(
    grpc::ServerReader<v1::UploadArtifactRequest>* reader) {
  v1::UploadArtifactRequest message;
  if (!reader->Read(&message) || !message.has_header()) {
    return WithReason(
        absl::InvalidArgumentError("the first message has to be a header"),
        {"HEADER_EXPECTED", {}});
  }
  const v1::ArtifactHeader header = message.header();
  KEEL_RETURN_IF_ERROR(artifacts_.Check(header));
  FileReceiver files(cluster_, FileReceiver::Sender::kWorker);
  while (reader->Read(&message)) {
    if (message.has_header()) {
      return WithReason(
          absl::InvalidArgumentError("a second header: only files follow it"),
          {"FRAME_EXPECTED", {}});
    }
    KEEL_RETURN_IF_ERROR(message.has_file() ? files.StartFile(message.file())
                                            : files.Take(message.frame()));
  }
  KEEL_ASSIGN_OR_RETURN(auto received, files.Finish());
  return artifacts_.Accept(header, received);
}

grpc::Status WorkerServiceImpl::ListWorkers(
    grpc::ServerContext*, const v1::ListWorkersRequest* request,
    v1::ListWorkersResponse* response) {
  return ToGrpcStatus(FillPage(
      workers_.List(), [](const v1::Worker& w) { return w.id(); },
      request->page_size(), request->page_token(), response->mutable_workers(),
      response->mutable_next_page_token()));
}

grpc::Status WorkerServiceImpl::DrainWorker(
    grpc::ServerContext*, const v1::DrainWorkerRequest* request,
    v1::Worker* response) {
  return Reply(workers_.Drain(request->id()), response);
}

}  // namespace keel
