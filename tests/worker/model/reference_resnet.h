// CLIP's ResNet tower written out plainly in float64, over one whole batch, by
// the names of its tensors alone.
#ifndef KEEL_TESTS_WORKER_MODEL_REFERENCE_RESNET_H_
#define KEEL_TESTS_WORKER_MODEL_REFERENCE_RESNET_H_

#include <ATen/ATen.h>

#include <cmath>
#include <map>
#include <string>

#include "worker/model/clip_model.h"

namespace keel::testing {

class ReferenceResNet {
 public:
  // With `training` by the batch's statistics, which then are taken into
  // `running`.
  ReferenceResNet(const ClipModel& model, bool training)
      : model_(model), training_(training) {
    for (const NamedTensor& b : model.buffers()) {
      running[b.name] = b.tensor.to(at::kDouble);
    }
  }

  at::Tensor EncodeImage(const at::Tensor& images) {
    at::Tensor x = images.to(at::kDouble);
    for (const char* i : {"1", "2", "3"}) {
      const int64_t stride = *i == '1' ? 2 : 1;
      x = at::relu(Norm(Convolve(x, Name("conv", i), stride), Name("bn", i)));
    }
    x = at::avg_pool2d(x, 2);
    for (int stage = 0; stage < 4; ++stage) {
      for (int i = 0; i < model_.config().vision.blocks[stage]; ++i) {
        x = Block(
            x,
            "layer" + std::to_string(stage + 1) + "." + std::to_string(i) + ".",
            stage > 0 && i == 0);
      }
    }
    return Attend(x);
  }

  std::map<std::string, at::Tensor> running;

 private:
  static std::string Name(const char* kind, const char* i) {
    return std::string(kind) + i;
  }

  at::Tensor Get(const std::string& name) const {
    return model_.Get("visual." + name).to(at::kDouble);
  }

  at::Tensor Convolve(const at::Tensor& x, const std::string& name,
                      int64_t stride = 1) const {
    const at::Tensor weight = Get(name + ".weight");
    return at::conv2d(x, weight, std::nullopt, stride,
                      weight.size(2) == 3 ? 1 : 0);
  }

  at::Tensor Norm(const at::Tensor& x, const std::string& name) {
    return at::batch_norm(x, Get(name + ".weight"), Get(name + ".bias"),
                          running.at("visual." + name + ".running_mean"),
                          running.at("visual." + name + ".running_var"),
                          training_, 0.1, 1e-5, false);
  }

  at::Tensor Block(const at::Tensor& x, const std::string& block, bool halve) {
    at::Tensor y = at::relu(Norm(Convolve(x, block + "conv1"), block + "bn1"));
    y = at::relu(Norm(Convolve(y, block + "conv2"), block + "bn2"));
    if (halve) y = at::avg_pool2d(y, 2);
    y = Norm(Convolve(y, block + "conv3"), block + "bn3");
    if (y.sizes() == x.sizes()) return at::relu(y + x);
    return at::relu(y + Norm(Convolve(halve ? at::avg_pool2d(x, 2) : x,
                                      block + "downsample.0"),
                             block + "downsample.1"));
  }

  at::Tensor Linear(const at::Tensor& x, const std::string& name) const {
    return at::matmul(x, Get("attnpool." + name + ".weight").t()) +
           Get("attnpool." + name + ".bias");
  }

  // One head after the other.
  at::Tensor Attend(const at::Tensor& x) const {
    const at::Tensor places = x.flatten(2).transpose(1, 2);
    const at::Tensor all = at::cat({places.mean(1, true), places}, 1) +
                           Get("attnpool.positional_embedding");
    const int heads = model_.config().vision.heads;
    const auto q = Linear(all.select(1, 0), "q_proj").chunk(heads, 1);
    const auto k = Linear(all, "k_proj").chunk(heads, 2);
    const auto v = Linear(all, "v_proj").chunk(heads, 2);
    std::vector<at::Tensor> mixed;
    for (int i = 0; i < heads; ++i) {
      const at::Tensor scores = at::matmul(k[i], q[i].unsqueeze(2)).squeeze(2) /
                                std::sqrt(static_cast<double>(q[i].size(1)));
      mixed.push_back((scores.softmax(1).unsqueeze(2) * v[i]).sum(1));
    }
    return Linear(at::cat(mixed, 1), "c_proj");
  }

  const ClipModel& model_;
  const bool training_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_WORKER_MODEL_REFERENCE_RESNET_H_
