// The stream configuration as plain structs: what the training half knows of
// keel.v1.StreamConfig. Values were checked by the coordinator.
#ifndef KEEL_WORKER_SEAM_CONFIG_H_
#define KEEL_WORKER_SEAM_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/model/model_config.h"

namespace keel {

enum class KlReduction { kBatchInvariant, kSum, kMean, kKeptRows };
// Which rows and columns the alignment keeps.
enum class Screening { kTeacherRight, kNone };
// Whether a row is right whose diagonal ties with another entry.
enum class TieRule { kKeepTies, kFirstIndex, kStrict };

struct MethodConfig {
  std::string name = "modx";
  std::string profile = "modx-safe";
  // Weight of the alignment term.
  double alpha = 20.0;
  KlReduction kl_reduction = KlReduction::kBatchInvariant;
  // Temperature of the alignment softmax on cosines.
  double kl_temperature = 1.0;
  // The alignment takes in the pairs themselves, not only the other entries.
  bool kl_diagonal = true;
  Screening screening = Screening::kTeacherRight;
  TieRule ties = TieRule::kKeepTies;
  // Weight of the trained weights against the parent's after the phase.
  double interpolate = 1.0;
  // Samples of earlier phases that are kept, and added to each batch.
  int replay_samples = 0;
  int replay_per_batch = 0;
  // Weight of the pull towards the parent's weights.
  double ewc_lambda = 5000.0;
};

enum class Precision { kFp32, kBf16 };

// What a ResNet's BatchNorm normalises by in training: kSync the statistics of
// the whole batch, kFrozen those that it has, kAuto kSync where the starting
// weights have none yet, else kFrozen.
enum class BatchNormMode { kAuto, kSync, kFrozen };

struct TrainConfig {
  int epochs = 35;
  int global_batch = 280;
  double lr = 5e-4;
  double weight_decay = 0.1;
  // Share of the steps spent on linear warm-up.
  double warmup = 0.2;
  Precision precision = Precision::kFp32;
  int64_t seed = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  // Decays biases, norms and logit_scale too.
  bool decay_all = false;
  bool drop_last = false;
  // 0: no clipping.
  double clip_grad_norm = 0.0;
  // Rows of a member that are encoded at once; 0: all.
  int micro_batch = 0;
  BatchNormMode batch_norm = BatchNormMode::kAuto;
};

// Spatial disorder while a phase trains.
struct DriftConfig {
  // 0: not measured.
  int live_every_steps = 100;
  int live_samples = 256;
};

struct StreamConfig {
  ModelConfig model;
  MethodConfig method;
  TrainConfig train;
  DriftConfig drift;
  // How often a resume point is written.
  absl::Duration resume_every = absl::Seconds(60);
  double max_struck_fraction = 0.01;
  int64_t max_image_pixels = 100'000'000;
};

// A value of `method` or `train` that is not its profile's default, as keys
// and values are written in a configuration's file.
struct ConfigDeviation {
  std::string key;
  std::string value;
  std::string profile_default;
};

// Whether a row's embedding depends on the other rows of its batch while the
// phase trains: such a batch must not be cut into parts. `has_statistics`: the
// weights that it starts from have learnt running statistics.
inline bool HasUnfrozenBatchNorm(const StreamConfig& config,
                                 bool has_statistics) {
  const BatchNormMode mode = config.train.batch_norm;
  return !config.model.vision.blocks.empty() &&
         (mode == BatchNormMode::kSync ||
          (mode == BatchNormMode::kAuto && !has_statistics));
}

}  // namespace keel

#endif  // KEEL_WORKER_SEAM_CONFIG_H_
