// Trains a checkpoint on pairs that are given, with the worker's own step and
// the plan's own batches, for tests/parity/train_parity.py:
//   keel-train-dump START_DIR CONFIG.yaml PAIRS.safetensors OUT_DIR
// CONFIG is a stream's configuration, of which method and train count. PAIRS
// has `images` uint8 [n, 3, S, S] and `tokens` int32 [n, L]. But for method
// finetune, START_DIR is the teacher too. OUT_DIR gets the checkpoint
// afterwards and losses.safetensors: `losses` float64 [steps, 3], total,
// contrastive and distill, and `rows` int64 [steps, global_batch], the pairs of
// each step, then -1.
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/plan/phase_schedule.h"
#include "common/status_macros.h"
#include "tests/parity/training_config.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/train/schedule.h"
#include "worker/train/step.h"

namespace keel {
namespace {

absl::StatusOr<ClipModel> Load(const std::string& folder) {
  std::vector<LocalFile> files;
  for (const char* name : {kModelFile, kModelConfigFile}) {
    files.push_back({name, JoinPath(folder, name)});
  }
  return LoadModel(files);
}

struct Pairs {
  at::Tensor images;
  at::Tensor tokens;
};

// The pairs `samples`, as if they were loaded.
LoadedRows RowsOf(const Pairs& pairs, const std::vector<int64_t>& samples) {
  const at::Tensor chosen = at::tensor(samples, at::kLong);
  const at::Tensor pixels = pairs.images.index_select(0, chosen);
  const at::Tensor ids = pairs.tokens.index_select(0, chosen);
  LoadedRows rows;
  rows.images.assign(pixels.const_data_ptr<uint8_t>(),
                     pixels.const_data_ptr<uint8_t>() + pixels.numel());
  rows.tokens.assign(ids.const_data_ptr<int32_t>(),
                     ids.const_data_ptr<int32_t>() + ids.numel());
  rows.max_tokens = static_cast<int>(ids.argmax(1).max().item<int64_t>()) + 1;
  for (int64_t sample : samples) {
    const std::string digest =
        absl::StrCat(absl::Dec(sample, absl::kZeroPad16));
    rows.samples.push_back(sample);
    rows.image_digests.push_back(digest);
    rows.caption_digests.push_back(digest);
  }
  return rows;
}

std::vector<at::Tensor> ParametersOf(const ClipModel& model) {
  std::vector<at::Tensor> tensors;
  for (const NamedTensor& p : model.parameters()) tensors.push_back(p.tensor);
  return tensors;
}

absl::StatusOr<PhaseSchedule> ScheduleOf(const TrainConfig& train,
                                         int64_t pairs) {
  return PhaseSchedule::Create({.seed = train.seed,
                                .phase = 1,
                                .sample_count = pairs,
                                .global_batch = train.global_batch,
                                .epochs = train.epochs,
                                .drop_last = train.drop_last});
}

// Losses and rows of all steps.
absl::StatusOr<std::vector<NamedTensor>> Train(const StreamConfig& config,
                                               const ClipModel& student,
                                               Teacher* teacher,
                                               const Pairs& pairs) {
  const bool has_parent = teacher != nullptr;
  KEEL_ASSIGN_OR_RETURN(const auto method,
                        MakeMethod(config.method, has_parent));
  KEEL_ASSIGN_OR_RETURN(const PhaseSchedule schedule,
                        ScheduleOf(config.train, pairs.images.size(0)));
  const auto alone = MakeSoloCommunicator();
  NullMetrics metrics;
  StageClock clock(metrics);
  AdamW optimizer(student, config.train);
  BucketReducer reducer(*alone, ParametersOf(student));
  TrainStep train_step(
      {.student = student,
       .teacher = method->needs_teacher() ? teacher : nullptr,
       .sync_batch_norm = HasUnfrozenBatchNorm(config, has_parent),
       .method = *method,
       .config = config.train,
       .optimizer = optimizer,
       .reducer = reducer,
       .communicator = *alone,
       .clock = clock,
       .accounting_key = 0});
  const int64_t steps = schedule.step_count();
  const LearningRateSchedule rates(config.train.lr, config.train.warmup, steps);
  const at::Tensor losses = at::empty({steps, 3}, at::kDouble);
  const at::Tensor rows =
      at::full({steps, config.train.global_batch}, -1, at::kLong);
  for (int64_t step = 0; step < steps; ++step) {
    const std::vector<int64_t> samples = schedule.SamplesOfStep(step);
    const auto count = static_cast<int64_t>(samples.size());
    KEEL_ASSIGN_OR_RETURN(
        const StepOutcome outcome,
        train_step.Run({.step = step, .learning_rate = rates.At(step)},
                       RowsOf(pairs, samples), {.counts = {count}}));
    losses[step][0] = outcome.report.loss_total;
    losses[step][1] = outcome.report.loss_contrastive;
    losses[step][2] = outcome.report.loss_distill;
    rows[step].narrow(0, 0, count).copy_(at::tensor(samples, at::kLong));
  }
  return std::vector<NamedTensor>{{"losses", losses}, {"rows", rows}};
}

absl::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 4) {
    return absl::InvalidArgumentError(
        "usage: keel-train-dump START_DIR CONFIG.yaml PAIRS.safetensors "
        "OUT_DIR");
  }
  KEEL_ASSIGN_OR_RETURN(StreamConfig config,
                        testing::ReadTrainingConfig(arguments[1]));
  KEEL_ASSIGN_OR_RETURN(const Safetensors file, ReadSafetensors(arguments[2]));
  Pairs pairs;
  KEEL_ASSIGN_OR_RETURN(pairs.images, file.Find("images"));
  KEEL_ASSIGN_OR_RETURN(pairs.tokens, file.Find("tokens"));
  KEEL_ASSIGN_OR_RETURN(ClipModel student, Load(arguments[0]));
  config.model = student.config();
  student.RequireGrad(true);
  std::optional<Teacher> teacher;
  if (config.method.name != "finetune") {
    KEEL_ASSIGN_OR_RETURN(ClipModel parent, Load(arguments[0]));
    teacher.emplace(std::move(parent), /*cache_bytes=*/0);
  }
  KEEL_ASSIGN_OR_RETURN(
      const auto results,
      Train(config, student, teacher.has_value() ? &*teacher : nullptr, pairs));
  KEEL_RETURN_IF_ERROR(WriteCheckpoint(arguments[3], student, {}).status());
  return WriteSafetensors(JoinPath(arguments[3], "losses.safetensors"),
                          results);
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  const absl::Status status =
      keel::Run(std::vector<std::string>(argv + 1, argv + argc));
  if (status.ok()) return 0;
  std::fprintf(stderr, "keel-train-dump: %s\n", status.ToString().c_str());
  return 1;
}
