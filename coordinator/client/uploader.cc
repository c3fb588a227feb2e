#include "coordinator/client/uploader.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "common/grpc/status.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "common/utf8.h"

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
  // A file's name may be of any bytes.
  header.set_display_name(
      ToValidUtf8(upload.display_name.empty()
                      ? std::filesystem::path(upload.path).filename().string()
                      : upload.display_name));
  header.set_probe_only(upload.probe_only);
  if (upload.origin) header.set_origin(*upload.origin);
  return header;
}

}  // namespace

absl::StatusOr<int64_t> Uploader::Received(
    const v1::SubmitChunkHeader& header) {
  v1::GetUploadRequest request;
  request.set_stream(header.stream());
  request.set_digest(header.digest());
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.give_up_after));
  v1::Upload upload;
  KEEL_RETURN_IF_ERROR(
      FromGrpcStatus(stub_.GetUpload(&context, request, &upload)));
  return upload.complete() ? header.size_bytes()
                           : std::clamp<int64_t>(upload.received_bytes(), 0,
                                                 header.size_bytes());
}

bool Uploader::TakeToldOffset(const absl::Status& refusal, int64_t size) {
  const bool again = std::exchange(told_offset_, std::nullopt).has_value();
  const Reason reason = ReasonOf(refusal);
  const auto told = reason.metadata.find("received_bytes");
  int64_t offset = 0;
  if (again || reason.reason != "UPLOAD_OFFSET" ||
      told == reason.metadata.end() ||
      !absl::SimpleAtoi(told->second, &offset) || offset < 0 || offset > size) {
    return false;
  }
  told_offset_ = offset;
  // What it had before was of no use.
  furthest_ = offset;
  return true;
}

absl::StatusOr<v1::SubmitChunkResponse> Uploader::Try(
    v1::SubmitChunkHeader header, const RandomAccessFile& file,
    RetryBudget& budget) {
  int64_t offset = 0;
  if (told_offset_.has_value()) {
    offset = *told_offset_;
  } else {
    KEEL_ASSIGN_OR_RETURN(offset, Received(header));
  }
  // What was written may still lie in a buffer here: only what the server has
  // is progress. All of it may be a damaged copy, and is none.
  if (offset > furthest_ && offset < file.size()) budget.NoteProgress();
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
  told_offset_ = std::nullopt;
  while (true) {
    auto response = Try(header, *file, budget);
    if (response.ok()) return response;
    if (TakeToldOffset(response.status(), file->size())) continue;
    if (!budget.WaitFor(response.status())) return response;
  }
}

}  // namespace keel
