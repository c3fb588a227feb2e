#include "worker/agent/worker_identity.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "common/reason.h"
#include "common/status_macros.h"

namespace keel {
namespace {

// Empty for a missing file.
absl::StatusOr<std::string> ReadLine(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return std::string();
  if (!text.ok()) return text.status();
  return std::string(absl::StripAsciiWhitespace(*text));
}

}  // namespace

WorkerIdentity::WorkerIdentity(std::string directory,
                               std::unique_ptr<FileLock> lock)
    : directory_(std::move(directory)), lock_(std::move(lock)) {}

absl::StatusOr<std::unique_ptr<WorkerIdentity>> WorkerIdentity::Open(
    const std::string& directory, const std::string& id, absl::Time now) {
  KEEL_RETURN_IF_ERROR(CreateDirectories(directory));
  KEEL_ASSIGN_OR_RETURN(auto lock,
                        FileLock::Acquire(JoinPath(directory, "lock")));
  std::unique_ptr<WorkerIdentity> state(
      new WorkerIdentity(directory, std::move(lock)));
  KEEL_RETURN_IF_ERROR(state->LoadId(id));
  KEEL_RETURN_IF_ERROR(state->StartIncarnation(now));
  KEEL_RETURN_IF_ERROR(state->LoadCluster());
  KEEL_RETURN_IF_ERROR(RemoveRecursively(state->scratch_directory()));
  KEEL_RETURN_IF_ERROR(CreateDirectories(state->scratch_directory()));
  return state;
}

absl::Status WorkerIdentity::LoadId(const std::string& wanted) {
  const std::string path = JoinPath(directory_, "id");
  KEEL_ASSIGN_OR_RETURN(const std::string stored, ReadLine(path));
  if (!stored.empty() && !wanted.empty() && stored != wanted) {
    return absl::FailedPreconditionError(
        absl::StrCat("the state folder ", directory_, " belongs to worker ",
                     stored, ", not to ", wanted));
  }
  id_ = !stored.empty() ? stored : wanted.empty() ? RandomId() : wanted;
  KEEL_RETURN_IF_ERROR(ValidateName("worker id", id_));
  if (stored.empty()) return WriteFileAtomically(path, id_ + "\n");
  return absl::OkStatus();
}

absl::Status WorkerIdentity::StartIncarnation(absl::Time now) {
  const std::string path = JoinPath(directory_, "incarnation");
  KEEL_ASSIGN_OR_RETURN(const std::string stored, ReadLine(path));
  // A folder that was thrown away leaves a coordinator that knows the starts
  // before; those of this one come after them.
  int64_t last = absl::ToUnixMicros(now);
  if (!stored.empty() && !absl::SimpleAtoi(stored, &last)) {
    return absl::DataLossError(
        absl::StrCat(path, " holds no number: \"", stored, "\""));
  }
  incarnation_ = last + 1;
  return WriteFileAtomically(path, absl::StrCat(incarnation_, "\n"));
}

absl::Status WorkerIdentity::LoadCluster() {
  absl::MutexLock lock(&mu_);
  KEEL_ASSIGN_OR_RETURN(cluster_id_, ReadLine(JoinPath(directory_, "cluster")));
  return absl::OkStatus();
}

std::string WorkerIdentity::cluster_id() const {
  absl::MutexLock lock(&mu_);
  return cluster_id_;
}

absl::Status WorkerIdentity::JoinCluster(const std::string& cluster_id) {
  absl::MutexLock lock(&mu_);
  if (cluster_id_ == cluster_id) return absl::OkStatus();
  if (!cluster_id_.empty()) {
    return WithReason(
        absl::AbortedError(absl::StrCat(
            "the coordinator belongs to cluster ", cluster_id,
            ", this worker's state folder ", directory_, " to ", cluster_id_)),
        {"CLUSTER_MISMATCH", {{"cluster_id", cluster_id}}});
  }
  KEEL_RETURN_IF_ERROR(
      WriteFileAtomically(JoinPath(directory_, "cluster"), cluster_id + "\n"));
  cluster_id_ = cluster_id;
  return absl::OkStatus();
}

}  // namespace keel
