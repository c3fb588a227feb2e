#include "coordinator/client/checkpoint_puller.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/grpc/status.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr char kManifest[] = "keel_manifest.json";

// A name from the server becomes a path here: it must stay in its folder.
absl::Status CheckName(const std::string& name) {
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find('/') == std::string::npos &&
                     name.find('\0') == std::string::npos;
  if (plain) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the checkpoint has a file named '", name, "'"));
}

bool IsThere(const v1::CheckpointFile& file, const std::string& path) {
  const auto size = FileSize(path);
  if (!size.ok() || *size != file.size_bytes()) return false;
  const auto digest = FileSha256Hex(path);
  return digest.ok() && *digest == file.digest();
}

}  // namespace

void CheckpointPuller::Report(int64_t bytes_of_file) const {
  if (options_.progress) {
    options_.progress(done_bytes_ + bytes_of_file, total_bytes_);
  }
}

absl::Status CheckpointPuller::LoadRest(const v1::Checkpoint& checkpoint,
                                        const v1::CheckpointFile& file,
                                        AppendableFile& output,
                                        RetryBudget& budget) {
  v1::DownloadFileRequest request;
  request.set_stream(checkpoint.stream());
  request.set_phase(checkpoint.phase());
  request.set_file(file.name());
  request.set_offset(output.size());
  grpc::ClientContext context;
  const auto reader = stub_.DownloadFile(&context, request);
  v1::DownloadFileResponse response;
  absl::Status status;
  while (status.ok() && reader->Read(&response)) {
    status = CheckFrame(response.frame(), output.size());
    if (status.ok()) status = output.Append(response.frame().data());
    if (!status.ok()) break;
    budget.NoteProgress();
    Report(output.size());
  }
  if (!status.ok()) {
    context.TryCancel();
    reader->Finish().ok();
    return status;
  }
  return FromGrpcStatus(reader->Finish());
}

absl::Status CheckpointPuller::TryPull(const v1::Checkpoint& checkpoint,
                                       const v1::CheckpointFile& file,
                                       const std::string& partial,
                                       RetryBudget& budget) {
  {
    KEEL_ASSIGN_OR_RETURN(const auto output, AppendableFile::Open(partial));
    if (output->size() < file.size_bytes()) {
      KEEL_RETURN_IF_ERROR(LoadRest(checkpoint, file, *output, budget));
    }
    KEEL_RETURN_IF_ERROR(output->Sync());
  }
  if (IsThere(file, partial)) return absl::OkStatus();
  KEEL_RETURN_IF_ERROR(RemoveFile(partial));
  return absl::DataLossError(absl::StrCat(
      file.name(), ": the bytes do not have the digest ", file.digest()));
}

absl::Status CheckpointPuller::PullFile(const v1::Checkpoint& checkpoint,
                                        const v1::CheckpointFile& file,
                                        const std::string& folder) {
  const std::string path = JoinPath(folder, file.name());
  if (IsThere(file, path)) return absl::OkStatus();
  const std::string partial = path + ".partial";
  RetryBudget budget(options_);
  while (true) {
    const absl::Status status = TryPull(checkpoint, file, partial, budget);
    if (status.ok()) return RenameDurably(partial, path);
    if (!budget.WaitFor(status)) return status;
  }
}

absl::Status CheckpointPuller::Pull(const v1::Checkpoint& checkpoint,
                                    const std::string& folder) {
  std::vector<const v1::CheckpointFile*> files;
  done_bytes_ = total_bytes_ = 0;
  for (const v1::CheckpointFile& file : checkpoint.files()) {
    KEEL_RETURN_IF_ERROR(CheckName(file.name()));
    files.push_back(&file);
    total_bytes_ += file.size_bytes();
  }
  // Who sees the manifest sees a whole checkpoint.
  std::stable_partition(
      files.begin(), files.end(),
      [](const v1::CheckpointFile* file) { return file->name() != kManifest; });
  KEEL_RETURN_IF_ERROR(CreateDirectories(folder));
  for (const v1::CheckpointFile* file : files) {
    KEEL_RETURN_IF_ERROR(PullFile(checkpoint, *file, folder));
    done_bytes_ += file->size_bytes();
    Report(0);
  }
  return absl::OkStatus();
}

}  // namespace keel
