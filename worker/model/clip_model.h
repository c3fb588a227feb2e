// CLIP: an image tower, transformer or ResNet, and a text transformer into one
// space (Radford et al., arXiv 2103.00020), with OpenCLIP's names.
//
// Functional: the module holds named parameters and buffers and computes with
// ATen ops; autograd records them like any others. Not thread-safe for
// training; concurrent encodes under no-grad are fine.
#ifndef KEEL_WORKER_MODEL_CLIP_MODEL_H_
#define KEEL_WORKER_MODEL_CLIP_MODEL_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/model/batch_norm.h"
#include "worker/model/resnet.h"
#include "worker/model/transformer.h"
#include "worker/seam/config.h"

namespace keel {

// A parameter or buffer by its OpenCLIP state-dict name.
struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

class ClipModel {
 public:
  // Parameters with OpenAI's initialisation from `seed` (CLIP's
  // initialize_parameters; the same on every machine), fp32, on `device`.
  static ClipModel Random(const ModelConfig& config, int64_t seed,
                          at::Device device = at::kCPU);
  // Takes `tensors`, parameters and buffers (copied to `device`, fp32).
  // INVALID_ARGUMENT lists the missing, unexpected and misshapen ones, of each
  // kind at most ten.
  static absl::StatusOr<ClipModel> FromTensors(
      const ModelConfig& config, const std::vector<NamedTensor>& tensors,
      at::Device device = at::kCPU);

  const ModelConfig& config() const { return config_; }
  // In a fixed order that depends on the architecture alone.
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  // Running statistics, which no optimizer changes; empty for transformers.
  const std::vector<NamedTensor>& buffers() const { return buffers_; }
  // Both: all that a checkpoint keeps of the model.
  std::vector<NamedTensor> state() const;
  // Of the parameters.
  void RequireGrad(bool require);

  // `images` [N, 3, S, S] float, normalised -> [N, embed_dim], not normalised.
  // A ResNet normalises its layers over the batch of `sync`, which is then
  // collective; without one, by its running statistics.
  at::Tensor EncodeImage(const at::Tensor& images,
                         const BatchNormSyncPtr& sync = nullptr) const;
  // `tokens` [N, L] int64, L <= context_length, each row with its end token
  // (the highest id) inside -> [N, embed_dim], not normalised. Columns after
  // the batch's longest caption may be cut: the tower is causal and pooled at
  // the end token.
  at::Tensor EncodeText(const at::Tensor& tokens) const;
  // Log of the scale, a scalar parameter.
  at::Tensor logit_scale() const { return Get("logit_scale"); }

  // The parameter or buffer of that name; the name exists.
  at::Tensor Get(const std::string& name) const;

 private:
  ClipModel(ModelConfig config, std::vector<NamedTensor> parameters,
            std::vector<NamedTensor> buffers);
  Transformer Tower(const std::string& prefix, int layers, int heads) const;
  at::Tensor EncodePatches(const at::Tensor& images) const;

  ModelConfig config_;
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
  // The towers' tensors again, by their places; one image tower is there.
  Transformer image_tower_;
  std::optional<ResNet> resnet_;
  Transformer text_tower_;
};

// Whether BatchNorm layers, if there are any, have learnt from a batch: not so
// in random weights, whose running means are all zero.
bool HasRunningStatistics(const ClipModel& model);
// True for parameters that are exempt from weight decay unless decay_all:
// one-dimensional ones (biases, norms, class embedding) and logit_scale.
bool IsExemptFromDecay(const NamedTensor& parameter);
// The part of `tensor`, which has the shape of the parameter `name`, that
// belongs to an attention's key bias: rows [width, 2 width) of in_proj_bias, a
// ResNet's k_proj.bias; undefined if there is none. Its gradient is zero in
// exact mathematics (docs/decisions), so it is set to zero.
at::Tensor KeyBiasOf(const std::string& name, const at::Tensor& tensor);
// Zeroes the key biases' gradients. Call after the gradients are reduced.
void ZeroKeyBiasGradients(const ClipModel& model);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_CLIP_MODEL_H_
