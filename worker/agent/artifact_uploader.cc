#include "worker/agent/artifact_uploader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/log.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "worker/agent/cancel_on_stop.h"
#include "worker/agent/file_digest.h"

namespace keel {

absl::Status ArtifactUploader::Options::Validate() const {
  if (frame_bytes <= 0 || min_bytes_per_second <= 0 ||
      attempt_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("uploader: a bound is not positive");
  }
  return backoff.Validate();
}

ArtifactUploader::ArtifactUploader(const Options& options,
                                   std::shared_ptr<grpc::Channel> channel)
    : options_(options), stub_(v1::WorkerService::NewStub(channel)) {}

absl::Status ArtifactUploader::Upload(const v1::ArtifactHeader& header,
                                      const std::vector<LocalFile>& files,
                                      const absl::Notification& stop) {
  std::vector<SourceFile> sources;
  for (const LocalFile& file : files) {
    SourceFile& source = sources.emplace_back();
    source.path = file.path;
    source.description.set_name(file.name);
    KEEL_ASSIGN_OR_RETURN(const int64_t size, FileSize(file.path));
    source.description.set_size_bytes(size);
    Sha256 hash;
    KEEL_RETURN_IF_ERROR(UpdateFromFile(file.path, stop, hash));
    source.description.set_digest(ToHex(hash.Finish()));
  }
  Backoff backoff(options_.backoff);
  while (true) {
    const absl::Status status = Attempt(header, sources, stop);
    if (status.ok()) return status;
    if (stop.HasBeenNotified()) return absl::CancelledError("stopped");
    if (!IsTransient(status) && !absl::IsResourceExhausted(status)) {
      return status;
    }
    const absl::Duration pause = backoff.Next();
    LogWarning("an upload is tried again",
               {{"generation", absl::StrCat(header.generation())},
                {"kind", v1::ArtifactHeader::Kind_Name(header.kind())},
                {"error", std::string(status.message())}});
    stop.WaitForNotificationWithTimeout(pause);
  }
}

absl::Time ArtifactUploader::Deadline(
    const std::vector<SourceFile>& files) const {
  int64_t bytes = 0;
  for (const SourceFile& file : files) bytes += file.description.size_bytes();
  return absl::Now() + options_.attempt_timeout +
         absl::Seconds(bytes / options_.min_bytes_per_second);
}

absl::StatusOr<bool> ArtifactUploader::SendFile(const SourceFile& file,
                                                const absl::Notification& stop,
                                                Writer& writer) {
  v1::UploadArtifactRequest request;
  *request.mutable_file() = file.description;
  if (!writer.Write(request)) return false;
  KEEL_ASSIGN_OR_RETURN(const auto source, RandomAccessFile::Open(file.path));
  for (int64_t offset = 0; offset < source->size();) {
    if (stop.HasBeenNotified()) return absl::CancelledError("stopped");
    const int64_t length =
        std::min(options_.frame_bytes, source->size() - offset);
    v1::DataFrame& frame = *request.mutable_frame();
    KEEL_ASSIGN_OR_RETURN(*frame.mutable_data(), source->Read(offset, length));
    frame.set_offset(offset);
    frame.set_crc32(Crc32(frame.data()));
    if (!writer.Write(request)) return false;
    offset += length;
  }
  return true;
}

absl::StatusOr<bool> ArtifactUploader::SendAll(
    const v1::ArtifactHeader& header, const std::vector<SourceFile>& files,
    const absl::Notification& stop, Writer& writer) {
  v1::UploadArtifactRequest request;
  *request.mutable_header() = header;
  if (!writer.Write(request)) return false;
  for (const SourceFile& file : files) {
    KEEL_ASSIGN_OR_RETURN(const bool alive, SendFile(file, stop, writer));
    if (!alive) return false;
  }
  return writer.WritesDone();
}

absl::Status ArtifactUploader::Attempt(const v1::ArtifactHeader& header,
                                       const std::vector<SourceFile>& files,
                                       const absl::Notification& stop) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(Deadline(files)));
  const CancelOnStop cancel(context, stop);
  v1::UploadArtifactResponse response;
  const auto writer = stub_->UploadArtifact(&context, &response);
  const absl::StatusOr<bool> sent = SendAll(header, files, stop, *writer);
  if (!sent.ok()) context.TryCancel();
  const absl::Status status = FromGrpcStatus(writer->Finish());
  return sent.ok() ? status : sent.status();
}

}  // namespace keel
