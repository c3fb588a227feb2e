#include "worker/model/clip_model.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/model/linear.h"
#include "worker/model/parameter_spec.h"

namespace keel {
namespace {

constexpr char kInProjBias[] = "attn.in_proj_bias";

std::string ShapeString(at::IntArrayRef shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// What stands between `tensors` and `specs`, sorted into kinds.
struct Misfit {
  std::vector<std::string> missing;
  std::vector<std::string> misshapen;
  std::vector<std::string> unexpected;

  absl::Status ToStatus() const {
    std::vector<std::string> parts;
    const auto add = [&parts](const char* kind, const auto& names) {
      if (names.empty()) return;
      parts.push_back(absl::StrCat(kind, ": ", absl::StrJoin(names, ", ")));
    };
    add("missing", missing);
    add("of another shape", misshapen);
    add("unexpected", unexpected);
    if (parts.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "tensors do not fit the model; ", absl::StrJoin(parts, "; ")));
  }
};

// [N, 3, S, S] -> [N, patches, 3 * patch * patch], each patch in the order of
// the convolution's weights: a convolution whose stride is its size is a
// product of these with the weights, and a faster one.
at::Tensor Patches(const at::Tensor& images, int64_t patch) {
  const int64_t n = images.size(0);
  const int64_t grid = images.size(2) / patch;
  return images.contiguous()
      .view({n, 3, grid, patch, grid, patch})
      .permute({0, 2, 4, 1, 3, 5})
      .reshape({n, grid * grid, 3 * patch * patch});
}

}  // namespace

ClipModel ClipModel::Random(const ModelConfig& config, int64_t seed,
                            at::Device device) {
  std::vector<NamedTensor> parameters;
  for (const ParameterSpec& spec : ParameterSpecs(config)) {
    parameters.push_back({spec.name, DrawParameter(spec, seed).to(device)});
  }
  return ClipModel(config, std::move(parameters));
}

absl::StatusOr<ClipModel> ClipModel::FromTensors(
    const ModelConfig& config, const std::vector<NamedTensor>& tensors,
    at::Device device) {
  absl::flat_hash_map<std::string, at::Tensor> given;
  for (const NamedTensor& t : tensors) given.emplace(t.name, t.tensor);
  Misfit misfit;
  std::vector<NamedTensor> parameters;
  for (const ParameterSpec& spec : ParameterSpecs(config)) {
    const auto found = given.find(spec.name);
    if (found == given.end()) {
      misfit.missing.push_back(spec.name);
      continue;
    }
    const at::Tensor tensor = found->second;
    given.erase(found);
    if (tensor.sizes() != at::IntArrayRef(spec.shape)) {
      misfit.misshapen.push_back(
          absl::StrCat(spec.name, " ", ShapeString(tensor.sizes()),
                       " in place of ", ShapeString(spec.shape)));
      continue;
    }
    parameters.push_back(
        {spec.name, tensor.detach().to(device, at::kFloat, false, true)});
  }
  for (const NamedTensor& t : tensors) {
    if (given.contains(t.name)) misfit.unexpected.push_back(t.name);
  }
  if (absl::Status status = misfit.ToStatus(); !status.ok()) return status;
  return ClipModel(config, std::move(parameters));
}

ClipModel::ClipModel(ModelConfig config, std::vector<NamedTensor> parameters)
    : config_(config),
      parameters_(std::move(parameters)),
      image_tower_(
          Tower("visual.", config_.vision.layers, config_.vision.heads)),
      text_tower_(Tower("", config_.text.layers, config_.text.heads)) {}

Transformer ClipModel::Tower(const std::string& prefix, int layers,
                             int heads) const {
  Transformer tower{heads, config_.quick_gelu, {}};
  for (int i = 0; i < layers; ++i) {
    const std::string block =
        absl::StrCat(prefix, "transformer.resblocks.", i, ".");
    const auto affine = [&](const char* name, const char* joint = ".") {
      return Affine{Get(absl::StrCat(block, name, joint, "weight")),
                    Get(absl::StrCat(block, name, joint, "bias"))};
    };
    tower.blocks.push_back({affine("ln_1"), affine("attn.in_proj", "_"),
                            affine("attn.out_proj"), affine("ln_2"),
                            affine("mlp.c_fc"), affine("mlp.c_proj")});
  }
  return tower;
}

void ClipModel::RequireGrad(bool require) {
  for (NamedTensor& p : parameters_) p.tensor.set_requires_grad(require);
}

at::Tensor ClipModel::EncodeImage(const at::Tensor& images) const {
  const int64_t width = config_.vision.width;
  const at::Tensor patches =
      Linear(Patches(images, config_.vision.patch_size),
             {Get("visual.conv1.weight").view({width, -1}), {}});
  const at::Tensor start =
      Get("visual.class_embedding").expand({images.size(0), 1, width});
  const at::Tensor x = at::cat({start.to(patches.scalar_type()), patches}, 1) +
                       Get("visual.positional_embedding");
  const at::Tensor pooled = PoolFirst(
      image_tower_,
      Normalize(x, {Get("visual.ln_pre.weight"), Get("visual.ln_pre.bias")}));
  return at::matmul(Normalize(pooled, {Get("visual.ln_post.weight"),
                                       Get("visual.ln_post.bias")}),
                    Get("visual.proj"));
}

at::Tensor ClipModel::EncodeText(const at::Tensor& tokens) const {
  const at::Tensor x = at::embedding(Get("token_embedding.weight"), tokens) +
                       Get("positional_embedding").narrow(0, 0, tokens.size(1));
  const at::Tensor pooled = PoolCausal(text_tower_, x, tokens.argmax(1));
  return at::matmul(
      Normalize(pooled, {Get("ln_final.weight"), Get("ln_final.bias")}),
      Get("text_projection"));
}

at::Tensor ClipModel::Get(const std::string& name) const {
  for (const NamedTensor& p : parameters_) {
    if (p.name == name) return p.tensor;
  }
  TORCH_CHECK(false, "no parameter ", name);
}

bool IsExemptFromDecay(const NamedTensor& parameter) {
  return parameter.tensor.dim() <= 1;
}

bool HasKeyBias(const std::string& name) {
  return absl::EndsWith(name, kInProjBias);
}

void ZeroKeyBiasGradients(const ClipModel& model) {
  for (const NamedTensor& p : model.parameters()) {
    if (!HasKeyBias(p.name) || !p.tensor.grad().defined()) continue;
    const int64_t width = p.tensor.size(0) / 3;
    p.tensor.grad().detach().narrow(0, width, width).zero_();
  }
}

}  // namespace keel
