#include "worker/model/clip_model.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/model/linear.h"
#include "worker/model/parameter_spec.h"

namespace keel {
namespace {

// Of a list in a message.
constexpr size_t kMostNames = 10;

std::string ShapeString(at::IntArrayRef shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// What stands between `tensors` and the model, sorted into kinds.
struct Misfit {
  std::vector<std::string> missing;
  std::vector<std::string> misshapen;
  std::vector<std::string> mistyped;
  std::vector<std::string> unexpected;

  absl::Status ToStatus() const {
    std::vector<std::string> parts;
    const auto add = [&parts](const char* kind,
                              std::vector<std::string> names) {
      if (names.empty()) return;
      const size_t count = names.size();
      names.resize(std::min(count, kMostNames));
      parts.push_back(
          absl::StrCat(kind, ": ", absl::StrJoin(names, ", "),
                       count > kMostNames
                           ? absl::StrCat(" and ", count - kMostNames, " more")
                           : ""));
    };
    add("missing", missing);
    add("of another shape", misshapen);
    add("of another type", mistyped);
    add("unexpected", unexpected);
    if (parts.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "tensors do not fit the model; ", absl::StrJoin(parts, "; ")));
  }
};

// Takes tensors of wanted names and shapes out of those given.
class Taker {
 public:
  Taker(const std::vector<NamedTensor>& given, at::Device device)
      : given_(given), device_(device) {
    for (const NamedTensor& t : given) {
      if (left_.emplace(t.name, t.tensor).second) continue;
      misfit_.unexpected.push_back(t.name + " again");
    }
  }

  // A copy; undefined if there is none that fits.
  NamedTensor Take(const std::string& name, const std::vector<int64_t>& shape,
                   at::ScalarType type) {
    const auto found = left_.find(name);
    if (found == left_.end()) {
      misfit_.missing.push_back(name);
      return {name, {}};
    }
    const at::Tensor tensor = found->second;
    left_.erase(found);
    if (tensor.sizes() != at::IntArrayRef(shape)) {
      misfit_.misshapen.push_back(
          absl::StrCat(name, " ", ShapeString(tensor.sizes()), " in place of ",
                       ShapeString(shape)));
      return {name, {}};
    }
    // Whole numbers are no weights, but those of a quantised file.
    if (at::isFloatingType(tensor.scalar_type()) != at::isFloatingType(type)) {
      misfit_.mistyped.push_back(
          absl::StrCat(name, " ", at::toString(tensor.scalar_type())));
      return {name, {}};
    }
    return {name, tensor.detach().to(device_, type, false, true)};
  }

  bool Has(const std::string& name) const { return left_.contains(name); }

  // After the last Take.
  absl::Status Finish() {
    for (const NamedTensor& t : given_) {
      if (left_.contains(t.name)) misfit_.unexpected.push_back(t.name);
    }
    return misfit_.ToStatus();
  }

 private:
  const std::vector<NamedTensor>& given_;
  const at::Device device_;
  absl::flat_hash_map<std::string, at::Tensor> left_;
  Misfit misfit_;
};

NamedTensor StartBuffer(const BufferSpec& spec, at::Device device) {
  return {spec.name, at::full(spec.shape, spec.initial,
                              at::device(device).dtype(spec.type))};
}

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
  std::vector<NamedTensor> parameters, buffers;
  for (const ParameterSpec& spec : ParameterSpecs(config)) {
    parameters.push_back({spec.name, DrawParameter(spec, seed).to(device)});
  }
  for (const BufferSpec& spec : BufferSpecs(config)) {
    buffers.push_back(StartBuffer(spec, device));
  }
  return ClipModel(config, std::move(parameters), std::move(buffers));
}

absl::StatusOr<ClipModel> ClipModel::FromTensors(
    const ModelConfig& config, const std::vector<NamedTensor>& tensors,
    at::Device device) {
  Taker taker(tensors, device);
  std::vector<NamedTensor> parameters, buffers;
  for (const ParameterSpec& spec : ParameterSpecs(config)) {
    parameters.push_back(taker.Take(spec.name, spec.shape, at::kFloat));
  }
  for (const BufferSpec& spec : BufferSpecs(config)) {
    // As in PyTorch, which once did not count: nothing depends on it.
    const bool is_optional = spec.type == at::kLong && !taker.Has(spec.name);
    buffers.push_back(is_optional
                          ? StartBuffer(spec, device)
                          : taker.Take(spec.name, spec.shape, spec.type));
  }
  if (absl::Status status = taker.Finish(); !status.ok()) return status;
  return ClipModel(config, std::move(parameters), std::move(buffers));
}

ClipModel::ClipModel(ModelConfig config, std::vector<NamedTensor> parameters,
                     std::vector<NamedTensor> buffers)
    : config_(std::move(config)),
      parameters_(std::move(parameters)),
      buffers_(std::move(buffers)),
      text_tower_(Tower("", config_.text.layers, config_.text.heads)) {
  if (config_.vision.blocks.empty()) {
    image_tower_ =
        Tower("visual.", config_.vision.layers, config_.vision.heads);
  } else {
    resnet_ = MakeResNet(config_.vision,
                         [this](const std::string& name) { return Get(name); });
  }
}

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

std::vector<NamedTensor> ClipModel::state() const {
  std::vector<NamedTensor> all = parameters_;
  all.insert(all.end(), buffers_.begin(), buffers_.end());
  return all;
}

at::Tensor ClipModel::EncodeImage(const at::Tensor& images,
                                  const BatchNormSyncPtr& sync) const {
  return resnet_.has_value() ? Encode(*resnet_, images, sync)
                             : EncodePatches(images);
}

at::Tensor ClipModel::EncodePatches(const at::Tensor& images) const {
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
  for (const auto* list : {&parameters_, &buffers_}) {
    for (const NamedTensor& t : *list) {
      if (t.name == name) return t.tensor;
    }
  }
  TORCH_CHECK(false, "no tensor ", name);
}

bool HasRunningStatistics(const ClipModel& model) {
  return std::any_of(model.buffers().begin(), model.buffers().end(),
                     [](const NamedTensor& buffer) {
                       return absl::EndsWith(buffer.name, ".running_mean") &&
                              buffer.tensor.count_nonzero().item<int64_t>() > 0;
                     });
}

bool IsExemptFromDecay(const NamedTensor& parameter) {
  return parameter.tensor.dim() <= 1;
}

at::Tensor KeyBiasOf(const std::string& name, const at::Tensor& tensor) {
  if (absl::EndsWith(name, "attnpool.k_proj.bias")) return tensor;
  if (!absl::EndsWith(name, "attn.in_proj_bias")) return {};
  const int64_t width = tensor.size(0) / 3;
  return tensor.narrow(0, width, width);
}

void ZeroKeyBiasGradients(const ClipModel& model) {
  for (const NamedTensor& p : model.parameters()) {
    if (!p.tensor.grad().defined()) continue;
    const at::Tensor gradient = KeyBiasOf(p.name, p.tensor.grad().detach());
    if (gradient.defined()) gradient.zero_();
  }
}

}  // namespace keel
