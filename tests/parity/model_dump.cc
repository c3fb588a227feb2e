// Makes, copies and runs models for tests/parity/model_parity.py:
//   keel-model-dump make CONFIG.json SEED OUT_DIR
// writes a checkpoint folder with random weights;
//   keel-model-dump copy DIR OUT_DIR
// writes the checkpoint that it loads from DIR;
//   keel-model-dump MODE DIR INPUTS.safetensors OUT.safetensors
// encodes `images` and `tokens` of INPUTS with the checkpoint in DIR, and
// writes `image` and `text`, not normalised. Unless MODE is `embed` it writes
// the contrastive loss as `loss` and its gradients as `grad.NAME`. With `train`
// in place of `eval` BatchNorm takes the batch's statistics, and buffers are
// written by their names; `train64` is that in float64.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/file_system.h"
#include "common/model/open_clip_config.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/train/loss_function.h"

namespace keel {
namespace {

absl::Status Make(const std::string& config_path, const std::string& seed,
                  const std::string& out) {
  KEEL_ASSIGN_OR_RETURN(const std::string json, ReadFile(config_path));
  KEEL_ASSIGN_OR_RETURN(const ModelConfig config,
                        ModelConfigFromOpenClip(json, config_path));
  const ClipModel model = ClipModel::Random(config, std::atoll(seed.c_str()));
  return WriteCheckpoint(out, model, {}).status();
}

absl::StatusOr<ClipModel> Load(const std::string& folder) {
  KEEL_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                        ListDirectory(folder));
  std::vector<LocalFile> files;
  for (const std::string& name : names) {
    files.push_back({name, JoinPath(folder, name)});
  }
  return LoadModel(files);
}

absl::Status Copy(const std::string& folder, const std::string& out) {
  KEEL_ASSIGN_OR_RETURN(const ClipModel model, Load(folder));
  return WriteCheckpoint(out, model, {}).status();
}

// All tensors of `model`, wherever it holds them, in float64.
void Widen(const ClipModel& model) {
  for (const NamedTensor& t : model.state()) {
    if (t.tensor.scalar_type() == at::kFloat) {
      t.tensor.set_data(t.tensor.to(at::kDouble));
    }
  }
}

// Loss and gradients of one batch, as a step computes them.
absl::Status AddGradients(const ClipModel& model, const at::Tensor& image,
                          const at::Tensor& text,
                          std::vector<NamedTensor>& outputs) {
  const auto alone = MakeSoloCommunicator();
  KEEL_ASSIGN_OR_RETURN(
      const LossResult loss,
      GlobalLoss({.image = image, .text = text}, model.logit_scale(),
                 {image.size(0)}, {}, *alone));
  image.backward(loss.grad_image);
  text.backward(loss.grad_text);
  model.logit_scale().mutable_grad() = loss.grad_logit_scale;
  outputs.push_back({"loss", at::full({1}, loss.total, at::kDouble)});
  for (const NamedTensor& p : model.parameters()) {
    outputs.push_back({"grad." + p.name, p.tensor.grad()});
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& mode, const std::string& folder,
                 const std::string& in, const std::string& out) {
  KEEL_ASSIGN_OR_RETURN(ClipModel model, Load(folder));
  KEEL_ASSIGN_OR_RETURN(const Safetensors inputs, ReadSafetensors(in));
  KEEL_ASSIGN_OR_RETURN(at::Tensor images, inputs.Find("images"));
  KEEL_ASSIGN_OR_RETURN(const at::Tensor tokens, inputs.Find("tokens"));
  const bool train = mode.starts_with("train");
  if (mode == "train64") {
    Widen(model);
    images = images.to(at::kDouble);
  }
  model.RequireGrad(mode != "embed");
  BatchNormSyncPtr sync;
  if (train) {
    sync = c10::make_intrusive<BatchNormSync>(
        [](const at::Tensor&) { return absl::OkStatus(); });
  }
  const at::Tensor image = model.EncodeImage(images, sync);
  const at::Tensor text = model.EncodeText(tokens);
  std::vector<NamedTensor> outputs = {{"image", image}, {"text", text}};
  if (mode != "embed") {
    KEEL_RETURN_IF_ERROR(AddGradients(model, image, text, outputs));
  }
  if (train) {
    sync->Commit(at::zeros({}));
    outputs.insert(outputs.end(), model.buffers().begin(),
                   model.buffers().end());
  }
  return WriteSafetensors(out, outputs);
}

absl::Status Dispatch(const std::vector<std::string>& arguments) {
  const std::string mode = arguments.empty() ? "" : arguments[0];
  if (mode == "make" && arguments.size() == 4) {
    return Make(arguments[1], arguments[2], arguments[3]);
  }
  if (mode == "copy" && arguments.size() == 3) {
    return Copy(arguments[1], arguments[2]);
  }
  if ((mode == "eval" || mode == "train" || mode == "train64" ||
       mode == "embed") &&
      arguments.size() == 4) {
    return Run(mode, arguments[1], arguments[2], arguments[3]);
  }
  return absl::InvalidArgumentError(
      "usage: keel-model-dump make CONFIG.json SEED OUT_DIR | "
      "copy DIR OUT_DIR | "
      "eval|train|train64|embed DIR INPUTS.safetensors OUT.safetensors");
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  const absl::Status status =
      keel::Dispatch(std::vector<std::string>(argv + 1, argv + argc));
  if (status.ok()) return 0;
  std::fprintf(stderr, "keel-model-dump: %s\n", status.ToString().c_str());
  return 1;
}
