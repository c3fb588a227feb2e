#include "worker/model/batch_norm.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <utility>

namespace keel {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kMomentum = 0.1;
constexpr double kEpsilon = 1e-5;

// What statistics of `x` are computed in: fp32 or better.
at::ScalarType Wide(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// Over all but the channels; float64, for adding up over the group.
at::Tensor SumPerChannel(const at::Tensor& x) {
  return x.sum({0, 2, 3}, /*keepdim=*/false, Wide(x)).to(at::kDouble);
}

// [C] -> [1, C, 1, 1], in the type for `x`.
at::Tensor PerChannel(const at::Tensor& values, const at::Tensor& x) {
  return values.to(Wide(x)).view({1, -1, 1, 1});
}

struct Moments {
  at::Tensor mean;      // [C]
  at::Tensor variance;  // biased
};

// The layer's output by given moments, in one pass.
at::Tensor Apply(const at::Tensor& x, const Affine& affine,
                 const Moments& moments) {
  if (x.size(0) == 0) return x.clone();
  return std::get<0>(at::native_batch_norm(
      x, affine.weight, affine.bias, moments.mean, moments.variance,
      /*training=*/false, kMomentum, kEpsilon));
}

// Gradients of weight and bias for this member's rows, in one pass.
std::pair<at::Tensor, at::Tensor> AffineGradients(const at::Tensor& gradient,
                                                  const at::Tensor& x,
                                                  const at::Tensor& weight,
                                                  const Moments& moments) {
  if (x.size(0) == 0) return {at::zeros_like(weight), at::zeros_like(weight)};
  auto [of_input, of_weight, of_bias] = at::native_batch_norm_backward(
      gradient, x, weight, moments.mean, moments.variance, {}, {},
      /*train=*/false, kEpsilon, std::array<bool, 3>{false, true, true});
  return {of_weight, of_bias};
}

}  // namespace

// With x' = (x - mean) / deviation and sums over the group's N values of a
// channel: y = weight x' + bias, and
// dx = weight / deviation (dy - sum(dy) / N - x' sum(dy x') / N).
class SyncedNorm : public torch::autograd::Function<SyncedNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const BatchNorm& layer,
                            const BatchNormSyncPtr& sync) {
    const int64_t channels = x.size(1);
    const at::Tensor count =
        at::full({1}, x.numel() / channels, x.options().dtype(at::kDouble));
    const at::Tensor first = at::cat({count, SumPerChannel(x)});
    sync->SumOverGroup(first);
    const at::Tensor total = first[0].clamp_min(1);
    const at::Tensor mean = first.narrow(0, 1, channels) / total;
    const at::Tensor squares =
        SumPerChannel((x - PerChannel(mean, x)).square());
    sync->SumOverGroup(squares);
    const Moments moments = {mean.to(Wide(x)), (squares / total).to(Wide(x))};
    sync->staged_.push_back(
        {layer, moments.mean,
         (squares / (first[0] - 1).clamp_min(1)).to(Wide(x)), first[0]});
    context->save_for_backward({x, weight, moments.mean, moments.variance});
    context->saved_data["total"] = total;
    context->saved_data["sync"] = c10::IValue::make_capsule(sync);
    return Apply(x, {weight, bias}, moments);
  }

  static variable_list backward(AutogradContext* context,
                                const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const Moments moments = {saved[2], saved[3]};
    const at::Tensor gradient = gradients[0].contiguous();
    const auto [of_weight, of_bias] =
        AffineGradients(gradient, x, weight, moments);

    const at::Tensor sums =
        at::cat({of_bias.to(at::kDouble), of_weight.to(at::kDouble)});
    SyncOf(context).SumOverGroup(sums);
    const std::vector<at::Tensor> means =
        (sums / context->saved_data["total"].toTensor()).chunk(2);
    const at::Tensor inverse = (moments.variance + kEpsilon).rsqrt();
    const at::Tensor of_input = (x - PerChannel(moments.mean, x))
                                    .mul_(PerChannel(-inverse * means[1], x))
                                    .add_(gradient)
                                    .sub_(PerChannel(means[0], x))
                                    .mul_(PerChannel(weight * inverse, x));
    return {of_input.to(x.scalar_type()), of_weight, of_bias, {}, {}};
  }

 private:
  static BatchNormSync& SyncOf(AutogradContext* context) {
    return static_cast<BatchNormSync&>(
        *context->saved_data["sync"].toCapsule());
  }
};

at::Tensor BatchNormSync::Normalize(const at::Tensor& x,
                                    const BatchNorm& layer) {
  return SyncedNorm::apply(x.contiguous(), layer.affine.weight,
                           layer.affine.bias, layer,
                           BatchNormSyncPtr::reclaim_copy(this));
}

void BatchNormSync::SumOverGroup(const at::Tensor& tensor) {
  if (status_.ok()) status_ = sum_(tensor);
}

void BatchNormSync::Commit(const at::Tensor& skip) {
  const c10::NoGradGuard no_grad;
  for (Staged& staged : staged_) {
    BatchNorm& layer = staged.layer;
    const at::Tensor apply = skip.eq(0).logical_and(staged.count > 0);
    const auto update = [&apply](at::Tensor& running, const at::Tensor& batch) {
      running.copy_(
          at::where(apply, at::lerp(running, batch, kMomentum), running));
    };
    update(layer.running_mean, staged.mean);
    update(layer.running_var, staged.variance);
    layer.batches.add_(apply.to(at::kLong));
  }
  staged_.clear();
}

at::Tensor Normalize(const at::Tensor& x, const BatchNorm& layer,
                     const BatchNormSyncPtr& sync) {
  if (sync != nullptr) return sync->Normalize(x, layer);
  if (x.size(0) == 0) return x;
  return at::batch_norm(x, layer.affine.weight, layer.affine.bias,
                        layer.running_mean, layer.running_var,
                        /*training=*/false, kMomentum, kEpsilon,
                        /*cudnn_enabled=*/true);
}

}  // namespace keel
