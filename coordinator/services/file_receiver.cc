#include "coordinator/services/file_receiver.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/services/frame_check.h"

namespace keel {
namespace {

constexpr size_t kMaxNameLength = 128;

bool IsLegalName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameLength && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

absl::Status BadFile(const std::string& what) {
  return WithReason(absl::InvalidArgumentError(what), {"CHECKPOINT_FILE", {}});
}

}  // namespace

absl::Status FileReceiver::StartFile(const v1::CheckpointFile& file) {
  KEEL_RETURN_IF_ERROR(EndFile());
  KEEL_RETURN_IF_ERROR(CheckFile(file));
  pins_.Pin(file.digest());
  BlobStore& blobs = *cluster_.env().blobs;
  // A damaged copy is written anew.
  if (blobs.Verify(file.digest()).ok()) {
    KEEL_ASSIGN_OR_RETURN(const int64_t size, blobs.Size(file.digest()));
    if (size != file.size_bytes()) {
      return BadFile(absl::StrCat("file ", file.name(), " has ", size,
                                  " bytes by its digest, not ",
                                  file.size_bytes()));
    }
  } else {
    if (sender_ == Sender::kUser) {
      KEEL_ASSIGN_OR_RETURN(room_,
                            cluster_.disk_guard().Reserve(file.size_bytes()));
    }
    auto writer = blobs.OpenWriter(file.digest(), /*restart=*/true);
    if (absl::IsAborted(writer.status())) {
      // The handler of a try that broke may not have ended yet.
      return absl::UnavailableError(absl::StrCat(
          "file ", file.name(), " is being uploaded by another call"));
    }
    KEEL_RETURN_IF_ERROR(writer.status());
    writer_ = *std::move(writer);
  }
  files_.push_back(file);
  received_ = 0;
  return absl::OkStatus();
}

absl::Status FileReceiver::CheckFile(const v1::CheckpointFile& file) const {
  if (!IsLegalName(file.name())) {
    return BadFile(absl::StrCat("illegal file name \"", file.name(), "\""));
  }
  if (!IsSha256Hex(file.digest()) || file.size_bytes() <= 0) {
    return BadFile(
        absl::StrCat("file ", file.name(), " needs a SHA-256 and a size"));
  }
  const bool repeated =
      std::any_of(files_.begin(), files_.end(),
                  [&](const auto& f) { return f.name() == file.name(); });
  if (repeated || files_.size() == kMaxFiles) {
    return BadFile(absl::StrCat(
        "file ", file.name(), repeated ? " comes twice" : " is one too many"));
  }
  return absl::OkStatus();
}

absl::Status FileReceiver::Take(const v1::DataFrame& frame) {
  if (files_.empty()) {
    return BadFile("a frame before the first file");
  }
  KEEL_RETURN_IF_ERROR(
      CheckFrame(frame, received_, files_.back().size_bytes()));
  const auto size = static_cast<int64_t>(frame.data().size());
  received_ += size;
  if (writer_ == nullptr) return absl::OkStatus();
  KEEL_RETURN_IF_ERROR(writer_->Append(frame.data()));
  if (room_ != nullptr) room_->Use(size);
  return absl::OkStatus();
}

absl::Status FileReceiver::EndFile() {
  if (files_.empty()) return absl::OkStatus();
  if (received_ != files_.back().size_bytes()) {
    return BadFile(absl::StrCat("file ", files_.back().name(), " ended after ",
                                received_, " of ", files_.back().size_bytes(),
                                " bytes"));
  }
  if (writer_ == nullptr) return absl::OkStatus();
  KEEL_RETURN_IF_ERROR(writer_->Finish());
  writer_ = nullptr;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::CheckpointFile>> FileReceiver::Finish() {
  if (files_.empty()) return BadFile("no file was sent");
  KEEL_RETURN_IF_ERROR(EndFile());
  return files_;
}

}  // namespace keel
