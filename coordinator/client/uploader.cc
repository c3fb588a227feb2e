#include "coordinator/client/uploader.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/grpc/status.h"
#include "common/status_macros.h"

namespace keel {
namespace {

absl::StatusOr<v1::SubmitChunkHeader> HeaderFor(const ChunkUpload& upload) {
  v1::SubmitChunkHeader header;
  KEEL_ASSIGN_OR_RETURN(const int64_t size, FileSize(upload.path));
  KEEL_ASSIGN_OR_RETURN(std::string digest, FileSha256Hex(upload.path));
  header.set_stream(upload.stream);
  header.set_digest(std::move(digest));
  header.set_size_bytes(size);
  header.set_request_id(upload.request_id);
  header.set_display_name(
      upload.display_name.empty()
          ? std::filesystem::path(upload.path).filename().string()
          : upload.display_name);
  header.set_probe_only(upload.probe_only);
  return header;
}

}  // namespace

absl::StatusOr<int64_t> Uploader::Received(
    const v1::SubmitChunkHeader& header) {
  v1::GetUploadRequest request;
  request.set_stream(header.stream());
  request.set_digest(header.digest());
  grpc::ClientContext context;
  v1::Upload upload;
  KEEL_RETURN_IF_ERROR(
      FromGrpcStatus(stub_.GetUpload(&context, request, &upload)));
  return upload.complete() ? header.size_bytes()
                           : std::clamp<int64_t>(upload.received_bytes(), 0,
                                                 header.size_bytes());
}

absl::StatusOr<v1::SubmitChunkResponse> Uploader::Try(
    v1::SubmitChunkHeader header, const RandomAccessFile& file,
    RetryBudget& budget) {
  KEEL_ASSIGN_OR_RETURN(int64_t offset, Received(header));
  // What was written may still lie in a buffer here: only what the server has
  // is progress.
  if (offset > furthest_) budget.NoteProgress();
  furthest_ = std::max(furthest_, offset);
  header.set_offset(offset);
  grpc::ClientContext context;
  v1::SubmitChunkResponse response;
  const auto writer = stub_.SubmitChunk(&context, &response);
  v1::SubmitChunkRequest request;
  *request.mutable_header() = std::move(header);
  // A Write that fails says that the server has ended the call: with an error,
  // or because it has the chunk already. Finish tells which.
  bool open = writer->Write(request);
  while (open && offset < file.size()) {
    auto frame = ReadFrame(file, offset, options_.frame_bytes);
    if (!frame.ok()) {
      context.TryCancel();
      writer->Finish().ok();
      return frame.status();
    }
    offset += frame->data().size();
    *request.mutable_frame() = *std::move(frame);
    open = writer->Write(request);
    if (open && options_.progress) options_.progress(offset, file.size());
  }
  if (open) writer->WritesDone();
  KEEL_RETURN_IF_ERROR(FromGrpcStatus(writer->Finish()));
  return response;
}

absl::StatusOr<v1::SubmitChunkResponse> Uploader::Upload(
    const ChunkUpload& upload) {
  KEEL_ASSIGN_OR_RETURN(const v1::SubmitChunkHeader header, HeaderFor(upload));
  KEEL_ASSIGN_OR_RETURN(const auto file, RandomAccessFile::Open(upload.path));
  RetryBudget budget(options_);
  furthest_ = 0;
  while (true) {
    auto response = Try(header, *file, budget);
    if (response.ok() || !budget.WaitFor(response.status())) return response;
  }
}

}  // namespace keel
