// Trains a checkpoint on batches that are given, with the worker's own step,
// for tests/parity/train_parity.py:
//   keel-train-dump START_DIR SETTINGS.json BATCHES.safetensors OUT_DIR
// BATCHES has `images` uint8 [steps, n, 3, S, S] and `tokens` int32
// [steps, n, L]. SETTINGS has method, alpha, kl_reduction ("sum" or
// "batch_invariant"), lr, warmup, weight_decay, epsilon, decay_all and
// has_parent: then START_DIR is the teacher too. OUT_DIR gets the checkpoint
// afterwards and losses.safetensors: `losses` float64 [steps, 3], total,
// contrastive and distill.
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/train/schedule.h"
#include "worker/train/step.h"

namespace keel {
namespace {

absl::StatusOr<StreamConfig> ReadSettings(const std::string& path,
                                          bool& has_parent) {
  KEEL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const nlohmann::json json = nlohmann::json::parse(text);
  StreamConfig config;
  config.method.name = json.at("method");
  config.method.alpha = json.at("alpha");
  config.method.kl_reduction = json.at("kl_reduction") == "sum"
                                   ? KlReduction::kSum
                                   : KlReduction::kBatchInvariant;
  config.train.lr = json.at("lr");
  config.train.warmup = json.at("warmup");
  config.train.weight_decay = json.at("weight_decay");
  config.train.epsilon = json.at("epsilon");
  config.train.decay_all = json.at("decay_all");
  has_parent = json.at("has_parent");
  return config;
}

absl::StatusOr<ClipModel> Load(const std::string& folder) {
  std::vector<LocalFile> files;
  for (const char* name : {kModelFile, kModelConfigFile}) {
    files.push_back({name, JoinPath(folder, name)});
  }
  return LoadModel(files);
}

// Step `step`'s rows, as if they were loaded.
LoadedRows RowsOf(const at::Tensor& images, const at::Tensor& tokens,
                  int64_t step) {
  const at::Tensor pixels = images[step].contiguous();
  const at::Tensor ids = tokens[step].contiguous();
  LoadedRows rows;
  rows.images.assign(pixels.const_data_ptr<uint8_t>(),
                     pixels.const_data_ptr<uint8_t>() + pixels.numel());
  rows.tokens.assign(ids.const_data_ptr<int32_t>(),
                     ids.const_data_ptr<int32_t>() + ids.numel());
  rows.max_tokens = static_cast<int>(ids.argmax(1).max().item<int64_t>()) + 1;
  for (int64_t i = 0; i < ids.size(0); ++i) {
    const int64_t sample = step * ids.size(0) + i;
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

// Losses of all steps.
absl::StatusOr<at::Tensor> Train(const StreamConfig& config, bool has_parent,
                                 ClipModel& student,
                                 std::optional<Teacher>& teacher,
                                 const Safetensors& batches) {
  KEEL_ASSIGN_OR_RETURN(const at::Tensor images, batches.Find("images"));
  KEEL_ASSIGN_OR_RETURN(const at::Tensor tokens, batches.Find("tokens"));
  KEEL_ASSIGN_OR_RETURN(const auto method,
                        MakeMethod(config.method, has_parent));
  const auto alone = MakeSoloCommunicator();
  NullMetrics metrics;
  StageClock clock(metrics);
  AdamW optimizer(student, config.train);
  BucketReducer reducer(*alone, ParametersOf(student));
  TrainStep train_step(
      {.student = student,
       .teacher = method->needs_teacher() ? &*teacher : nullptr,
       .sync_batch_norm = HasUnfrozenBatchNorm(config, has_parent),
       .method = *method,
       .config = config.train,
       .optimizer = optimizer,
       .reducer = reducer,
       .communicator = *alone,
       .clock = clock,
       .accounting_key = 0});
  const int64_t steps = images.size(0);
  const LearningRateSchedule rates(config.train.lr, config.train.warmup, steps);
  const at::Tensor losses = at::empty({steps, 3}, at::kDouble);
  for (int64_t step = 0; step < steps; ++step) {
    KEEL_ASSIGN_OR_RETURN(
        const StepOutcome outcome,
        train_step.Run({.step = step, .learning_rate = rates.At(step)},
                       RowsOf(images, tokens, step),
                       {.counts = {images.size(1)}}));
    losses[step][0] = outcome.report.loss_total;
    losses[step][1] = outcome.report.loss_contrastive;
    losses[step][2] = outcome.report.loss_distill;
  }
  return losses;
}

absl::Status Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 4) {
    return absl::InvalidArgumentError(
        "usage: keel-train-dump START_DIR SETTINGS.json BATCHES.safetensors "
        "OUT_DIR");
  }
  bool has_parent = false;
  KEEL_ASSIGN_OR_RETURN(StreamConfig config,
                        ReadSettings(arguments[1], has_parent));
  KEEL_ASSIGN_OR_RETURN(const Safetensors batches,
                        ReadSafetensors(arguments[2]));
  KEEL_ASSIGN_OR_RETURN(ClipModel student, Load(arguments[0]));
  config.model = student.config();
  student.RequireGrad(true);
  std::optional<Teacher> teacher;
  if (has_parent) {
    KEEL_ASSIGN_OR_RETURN(ClipModel parent, Load(arguments[0]));
    teacher.emplace(std::move(parent), /*cache_bytes=*/0);
  }
  KEEL_ASSIGN_OR_RETURN(const at::Tensor losses,
                        Train(config, has_parent, student, teacher, batches));
  KEEL_RETURN_IF_ERROR(WriteCheckpoint(arguments[3], student, {}).status());
  return WriteSafetensors(JoinPath(arguments[3], "losses.safetensors"),
                          {{"losses", losses}});
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
