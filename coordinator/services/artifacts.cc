#include "coordinator/services/artifacts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/services/state_views.h"

namespace keel {
namespace {

using storage::v1::PhaseRecord;
using storage::v1::ResumePoint;

constexpr char kManifestFile[] = "keel_manifest.json";

template <typename To>
void CopyFiles(const std::vector<v1::CheckpointFile>& from, To* to) {
  to->Clear();
  for (const v1::CheckpointFile& file : from) *to->Add() = file;
}

template <typename Stored>
bool SameFiles(const Stored& stored,
               const std::vector<v1::CheckpointFile>& files) {
  return std::equal(stored.begin(), stored.end(), files.begin(), files.end(),
                    [](const auto& a, const auto& b) {
                      return a.name() == b.name() && a.digest() == b.digest();
                    });
}

// A resume point that arrived, but whose reply may not have.
bool HasResumePoint(const PhaseRecord& record, const v1::ArtifactHeader& header,
                    const std::vector<v1::CheckpointFile>& files) {
  return std::any_of(record.resume_points().begin(),
                     record.resume_points().end(), [&](const auto& point) {
                       return point.generation() == header.generation() &&
                              point.step_count() == header.step_count() &&
                              SameFiles(point.files(), files);
                     });
}

// The same for the same files, so that a repeated upload is the same one.
std::string UploadId(std::vector<v1::CheckpointFile> files) {
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.name() < b.name(); });
  std::string text;
  for (const v1::CheckpointFile& file : files) {
    absl::StrAppend(&text, file.name(), " ", file.digest(), "\n");
  }
  return Sha256Hex(text);
}

// The manifest comes last: without it the upload broke off.
absl::Status CheckWhole(const std::vector<v1::CheckpointFile>& files) {
  if (!files.empty() && files.back().name() == kManifestFile) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the last file has to be ", kManifestFile));
}

// A result that arrived, but whose reply may not have.
bool IsRepeat(const PhaseState& phase, const v1::ArtifactHeader& header) {
  return header.kind() == v1::ArtifactHeader::RESULT &&
         phase.group.generation == header.generation() &&
         phase.record.result_files_size() > 0;
}

}  // namespace

absl::StatusOr<PhaseState*> Artifacts::Fence(ClusterState& state,
                                             const v1::ArtifactHeader& header) {
  if (header.cluster_id() != cluster_.cluster_id()) {
    return WithReason(absl::AbortedError("the upload is for another cluster"),
                      {"CLUSTER_MISMATCH", {}});
  }
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase,
                        state.FindPhase(header.stream(), header.phase()));
  const bool current = state.FindGroup(header.stream(), header.phase(),
                                       header.generation()) != nullptr &&
                       phase->record.phase().attempt() == header.attempt();
  if (current || IsRepeat(*phase, header)) return phase;
  return WithReason(
      absl::AbortedError(absl::StrCat("generation ", header.generation(),
                                      " does not train phase ", header.phase(),
                                      " of ", header.stream())),
      {"STALE_GENERATION",
       {{"stream", header.stream()}, {"phase", absl::StrCat(header.phase())}}});
}

absl::Status Artifacts::Check(const v1::ArtifactHeader& header) {
  auto state = cluster_.Lock();
  return Fence(*state, header).status();
}

absl::Status Artifacts::Accept(const v1::ArtifactHeader& header,
                               const Files& files) {
  KEEL_RETURN_IF_ERROR(CheckWhole(files));
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(PhaseState * phase, Fence(*state, header));
  switch (header.kind()) {
    case v1::ArtifactHeader::RESULT:
      return AcceptResult(*state, *phase, header, files);
    case v1::ArtifactHeader::RESUME_POINT:
      return AcceptResumePoint(*state, *phase, header, files);
    case v1::ArtifactHeader::INITIAL:
      return AcceptInitial(*state, header, files);
    default:
      return absl::InvalidArgumentError("unknown kind of artifact");
  }
}

absl::Status Artifacts::AcceptResult(ClusterState& state,
                                     const PhaseState& phase,
                                     const v1::ArtifactHeader& header,
                                     const Files& files) {
  if (SameFiles(phase.record.result_files(), files)) return absl::OkStatus();
  if (phase.group.closed) {
    return WithReason(absl::AbortedError("the phase has another result"),
                      {"STALE_GENERATION", {}});
  }
  if (header.step_count() != phase.record.phase().step_count()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a result after ", header.step_count(), " of ",
                     phase.record.phase().step_count(), " steps"));
  }
  PhaseRecord record = phase.record;
  CopyFiles(files, record.mutable_result_files());
  Edit edit = cluster_.NewEdit(durable::kStoreResult);
  edit.PutPhase(std::move(record));
  return cluster_.Commit(state, edit);
}

absl::Status Artifacts::AcceptResumePoint(ClusterState& state,
                                          const PhaseState& phase,
                                          const v1::ArtifactHeader& header,
                                          const Files& files) {
  if (header.step_count() <= 0 ||
      header.step_count() > phase.record.phase().step_count()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a resume point after ", header.step_count(), " steps"));
  }
  if (HasResumePoint(phase.record, header, files)) return absl::OkStatus();
  PhaseRecord record = phase.record;
  ResumePoint& added = *record.add_resume_points();
  added.set_step_count(header.step_count());
  added.set_generation(header.generation());
  CopyFiles(files, added.mutable_files());
  std::vector<std::string> dropped;
  while (record.resume_points_size() > kResumePoints) {
    for (const auto& file : record.resume_points(0).files()) {
      dropped.push_back(file.digest());
    }
    record.mutable_resume_points()->DeleteSubrange(0, 1);
  }
  Edit edit = cluster_.NewEdit(durable::kStoreResumePoint);
  edit.PutPhase(std::move(record));
  KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  cluster_.DeleteUnreferenced(state, dropped);
  LogInfo("resume point stored",
          {{"stream", header.stream()},
           {"phase", absl::StrCat(header.phase())},
           {"steps", absl::StrCat(header.step_count())}});
  return absl::OkStatus();
}

absl::Status Artifacts::AcceptInitial(ClusterState& state,
                                      const v1::ArtifactHeader& header,
                                      const Files& files) {
  StreamState& stream = state.streams.at(header.stream());
  if (stream.checkpoints.contains(0)) return absl::OkStatus();
  Edit edit = cluster_.NewEdit(durable::kStoreInitial);
  storage::v1::StreamRecord record = stream.record;
  CopyFiles(files, record.mutable_initial_files());
  // Phases go on to start from random weights, without a teacher: this
  // checkpoint is for measuring only, so it does not become the parent.
  v1::Checkpoint checkpoint;
  checkpoint.set_stream(header.stream());
  checkpoint.set_parent(-1);
  *checkpoint.mutable_files() = record.initial_files();
  *checkpoint.mutable_publish_time() = ToTimestamp(edit.now());
  edit.PutStream(std::move(record));
  edit.PutCheckpoint(std::move(checkpoint));
  return cluster_.Commit(state, edit);
}

absl::StatusOr<std::string> Artifacts::AcceptCheckpoint(const Files& files) {
  auto state = cluster_.Lock();
  storage::v1::UploadRecord record;
  record.set_id(UploadId(files));
  CopyFiles(files, record.mutable_files());
  Edit edit = cluster_.NewEdit(durable::kStoreUpload);
  *record.mutable_upload_time() = ToTimestamp(edit.now());
  edit.PutUpload(record);
  KEEL_RETURN_IF_ERROR(cluster_.Commit(*state, edit));
  return record.id();
}

}  // namespace keel
