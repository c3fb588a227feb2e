// Checkpoints and resume points as files: OpenCLIP's weights and
// configuration, Keel's manifest, and the optimizer's state.
//
// Stateless. Writing is durable; the manifest is written last, so a folder
// with a manifest is whole. Reading checks sizes and digests against the
// manifest where one is among the files: DATA_LOSS names the file that
// differs. INVALID_ARGUMENT names the file and tensor that do not fit the
// model, NOT_FOUND a file that is missing.
#ifndef KEEL_WORKER_CHECKPOINT_CHECKPOINT_FOLDER_H_
#define KEEL_WORKER_CHECKPOINT_CHECKPOINT_FOLDER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/checkpoint/manifest.h"
#include "worker/model/clip_model.h"
#include "worker/seam/job.h"

namespace keel {

inline constexpr char kModelFile[] = "open_clip_model.safetensors";
inline constexpr char kModelConfigFile[] = "open_clip_config.json";
inline constexpr char kManifestFile[] = "keel_manifest.json";
inline constexpr char kTrainerStateFile[] = "trainer_state.safetensors";
inline constexpr char kFisherFile[] = "keel_fisher.safetensors";

// AdamW's state: what a resume point has beyond a checkpoint.
struct TrainerState {
  // In the order of ClipModel::parameters, on the model's device.
  std::vector<at::Tensor> exp_avg;
  std::vector<at::Tensor> exp_avg_sq;
  // Updates that the moments have seen.
  int64_t optimizer_step = 0;
  // Committed steps of the phase.
  int64_t phase_step = 0;
  // Method ewc: squared gradients so far (worker/train/ewc.h), in the same
  // order; else empty.
  std::vector<at::Tensor> fisher_sums;
};

// What method ewc leaves to the next phase.
struct Fisher {
  // In the order of ClipModel::parameters, on the model's device.
  std::vector<at::Tensor> diagonal;
  // Phases of which it is the mean.
  int64_t phase_count = 0;
};

// Writes a checkpoint (with `state`: a resume point) into the folder, which
// is created. Returns the files, the manifest last.
absl::StatusOr<std::vector<LocalFile>> WriteCheckpoint(
    const std::string& directory, const ClipModel& model,
    const ManifestInfo& info, const TrainerState* state = nullptr,
    const Fisher* fisher = nullptr);

// The model in `files`. Its architecture is that of kModelConfigFile, which has
// to be `wanted` where that is given (INVALID_ARGUMENT names the value that
// differs, before anything is allocated); without that file it is `wanted`
// (none: NOT_FOUND). Without kModelFile a single file *.safetensors is taken;
// weights of 16 bits are widened (tensor_names.h: whose names are known).
absl::StatusOr<ClipModel> LoadModel(
    const std::vector<LocalFile>& files, at::Device device = at::kCPU,
    const std::optional<ModelConfig>& wanted = std::nullopt);

// The optimizer's state in `files`, for the parameters of `model`.
absl::StatusOr<TrainerState> LoadTrainerState(
    const std::vector<LocalFile>& files, const ClipModel& model);

// The Fisher diagonal in `files`, for the parameters of `model`; none: they
// have no such file.
absl::StatusOr<std::optional<Fisher>> LoadFisher(
    const std::vector<LocalFile>& files, const ClipModel& model);

}  // namespace keel

#endif  // KEEL_WORKER_CHECKPOINT_CHECKPOINT_FOLDER_H_
