// Makes and runs models for tests/parity/model_parity.py:
//   keel-model-dump make CONFIG.json SEED OUT_DIR
// writes a checkpoint folder with random weights;
//   keel-model-dump run DIR INPUTS.safetensors OUT.safetensors
// encodes `images` and `tokens` of INPUTS with the checkpoint in DIR, and
// writes `image` and `text` (not normalised) and, as `grad.NAME`, the
// gradients of sum(image * image_weight) + sum(text * text_weight).
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/model/preset.h"

namespace keel {
namespace {

absl::Status Make(const std::string& config_path, const std::string& seed,
                  const std::string& out) {
  KEEL_ASSIGN_OR_RETURN(const std::string json, ReadFile(config_path));
  KEEL_ASSIGN_OR_RETURN(const ModelConfig config,
                        ModelConfigFromOpenClipJson(json));
  const ClipModel model = ClipModel::Random(config, std::atoll(seed.c_str()));
  return WriteCheckpoint(out, model, {}).status();
}

absl::StatusOr<std::vector<LocalFile>> FilesIn(const std::string& folder) {
  KEEL_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                        ListDirectory(folder));
  std::vector<LocalFile> files;
  for (const std::string& name : names) {
    files.push_back({name, JoinPath(folder, name)});
  }
  return files;
}

absl::Status Run(const std::string& folder, const std::string& in,
                 const std::string& out) {
  KEEL_ASSIGN_OR_RETURN(const std::vector<LocalFile> files, FilesIn(folder));
  KEEL_ASSIGN_OR_RETURN(ClipModel model, LoadModel(files));
  KEEL_ASSIGN_OR_RETURN(const Safetensors inputs, ReadSafetensors(in));
  at::Tensor input[4];
  const char* names[] = {"images", "tokens", "image_weight", "text_weight"};
  for (int i = 0; i < 4; ++i) {
    KEEL_ASSIGN_OR_RETURN(input[i], inputs.Find(names[i]));
  }
  model.RequireGrad(true);
  const at::Tensor image = model.EncodeImage(input[0]);
  const at::Tensor text = model.EncodeText(input[1]);
  ((image * input[2]).sum() + (text * input[3]).sum()).backward();
  std::vector<NamedTensor> outputs = {{"image", image}, {"text", text}};
  for (const NamedTensor& p : model.parameters()) {
    if (p.tensor.grad().defined()) {
      outputs.push_back({"grad." + p.name, p.tensor.grad()});
    }
  }
  return WriteSafetensors(out, outputs);
}

absl::Status Dispatch(const std::vector<std::string>& arguments) {
  if (arguments.size() == 4 && arguments[0] == "make") {
    return Make(arguments[1], arguments[2], arguments[3]);
  }
  if (arguments.size() == 4 && arguments[0] == "run") {
    return Run(arguments[1], arguments[2], arguments[3]);
  }
  return absl::InvalidArgumentError(
      "usage: keel-model-dump make CONFIG.json SEED OUT_DIR | "
      "run DIR INPUTS.safetensors OUT.safetensors");
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
