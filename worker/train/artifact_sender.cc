#include "worker/train/artifact_sender.h"

#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/log.h"
#include "common/status_macros.h"

namespace keel {
namespace {

const char* NameOf(ArtifactKind kind) {
  switch (kind) {
    case ArtifactKind::kInitial:
      return "initial";
    case ArtifactKind::kResumePoint:
      return "resume";
    case ArtifactKind::kResult:
      return "result";
  }
  return "artifact";
}

double MeanOf(const std::vector<at::Tensor>& tensors) {
  double sum = 0;
  int64_t count = 0;
  for (const at::Tensor& tensor : tensors) {
    sum += tensor.sum(at::kDouble).item<double>();
    count += tensor.numel();
  }
  return sum / static_cast<double>(count);
}

}  // namespace

absl::Status ArtifactSender::Send(ArtifactKind kind, int64_t step_count,
                                  const ClipModel& model,
                                  const TrainerState* state,
                                  const Fisher* fisher) const {
  const std::string folder =
      JoinPath(context_.scratch_directory(),
               absl::StrCat(NameOf(kind), "-", step_count));
  // What was delivered stays delivered, whatever becomes of the folder.
  const absl::Cleanup remove = [&folder] {
    if (const absl::Status status = RemoveRecursively(folder); !status.ok()) {
      LogWarning("a scratch folder stays behind",
                 {{"error", status.ToString()}});
    }
  };
  ManifestInfo info = Info(kind, step_count);
  if (fisher != nullptr) info.mean_fisher = MeanOf(fisher->diagonal);
  KEEL_ASSIGN_OR_RETURN(const std::vector<LocalFile> files,
                        WriteCheckpoint(folder, model, info, state, fisher));
  return context_.Upload(kind, step_count, files);
}

ManifestInfo ArtifactSender::Info(ArtifactKind kind, int64_t step_count) const {
  ManifestInfo info;
  info.stream = job_.stream;
  info.parent = job_.parent;
  // Initial weights are phase 0 and have seen no data.
  if (kind != ArtifactKind::kInitial) {
    info.phase = job_.phase;
    info.attempt = job_.attempt;
    info.chunk_digests = job_.chunk_digests;
    info.plan_digest = job_.plan_digest;
  }
  info.step = step_count;
  info.config = job_.config;
  info.deviations = job_.deviations;
  info.world_size = job_.world_size;
  info.threads = device_.threads;
  info.device = device_.device;
  info.capability = device_.capability;
  return info;
}

}  // namespace keel
