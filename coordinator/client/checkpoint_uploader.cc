#include "coordinator/client/checkpoint_uploader.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr char kWeights[] = "open_clip_model.safetensors";
constexpr char kConfig[] = "open_clip_config.json";

using Writer = grpc::ClientWriterInterface<v1::UploadCheckpointRequest>;

// Sends one file; `start` is its first message. False: the server has ended the
// call.
absl::StatusOr<bool> SendFile(Writer& writer, const std::string& path,
                              const v1::UploadCheckpointRequest& start,
                              const TransferOptions& options, int64_t& done,
                              int64_t total) {
  KEEL_ASSIGN_OR_RETURN(const auto file, RandomAccessFile::Open(path));
  if (!writer.Write(start)) return false;
  v1::UploadCheckpointRequest request;
  for (int64_t offset = 0; offset < file->size();) {
    KEEL_ASSIGN_OR_RETURN(*request.mutable_frame(),
                          ReadFrame(*file, offset, options.frame_bytes));
    const int64_t size = request.frame().data().size();
    if (!writer.Write(request)) return false;
    offset += size;
    done += size;
    if (options.progress) options.progress(done, total);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<InitialFile>> FindInitialCheckpoint(
    const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    std::vector<InitialFile> files{{kWeights, JoinPath(path, kWeights)}};
    if (!FileExists(files[0].path)) {
      return absl::NotFoundError(absl::StrCat(path, " holds no ", kWeights));
    }
    const std::string config = JoinPath(path, kConfig);
    if (FileExists(config)) files.push_back({kConfig, config});
    return files;
  }
  if (!FileExists(path)) {
    return absl::NotFoundError(absl::StrCat("no checkpoint at ", path));
  }
  if (!absl::EndsWith(path, ".safetensors")) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, " is neither a checkpoint folder nor a .safetensors file"));
  }
  return std::vector<InitialFile>{{kWeights, path}};
}

absl::StatusOr<std::string> CheckpointUploader::Try(
    const std::vector<InitialFile>& files,
    const std::vector<v1::CheckpointFile>& facts, int64_t total_bytes) {
  grpc::ClientContext context;
  v1::UploadCheckpointResponse response;
  const auto writer = stub_.UploadCheckpoint(&context, &response);
  absl::StatusOr<bool> open = true;
  int64_t done = 0;
  for (size_t i = 0; i < files.size() && open.ok() && *open; ++i) {
    v1::UploadCheckpointRequest start;
    *start.mutable_file() = facts[i];
    start.set_file_count(static_cast<int>(files.size()));
    open = SendFile(*writer, files[i].path, start, options_, done, total_bytes);
  }
  if (!open.ok()) context.TryCancel();
  if (open.ok() && *open) writer->WritesDone();
  const absl::Status status = FromGrpcStatus(writer->Finish());
  if (!open.ok()) return open.status();
  if (!status.ok()) return status;
  return response.id();
}

absl::StatusOr<std::string> CheckpointUploader::Upload(
    const std::vector<InitialFile>& files) {
  std::vector<v1::CheckpointFile> facts;
  int64_t total_bytes = 0;
  for (const InitialFile& file : files) {
    v1::CheckpointFile fact;
    fact.set_name(file.name);
    KEEL_ASSIGN_OR_RETURN(const int64_t size, FileSize(file.path));
    KEEL_ASSIGN_OR_RETURN(*fact.mutable_digest(), FileSha256Hex(file.path));
    fact.set_size_bytes(size);
    total_bytes += size;
    facts.push_back(std::move(fact));
  }
  RetryBudget budget(options_);
  while (true) {
    auto id = Try(files, facts, total_bytes);
    if (id.ok() || !budget.WaitFor(id.status())) return id;
  }
}

}  // namespace keel
