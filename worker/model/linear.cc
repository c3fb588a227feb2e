#include "worker/model/linear.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <string_view>

namespace keel {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// x weight^t + bias by oneDNN, with an activation that stays unused here.
using ActivationArguments = c10::List<std::optional<at::Scalar>>;
using OneDnnLinear = at::Tensor(const at::Tensor&, const at::Tensor&,
                                const std::optional<at::Tensor>&,
                                std::string_view, ActivationArguments,
                                std::optional<std::string_view>);

// Null where this LibTorch has no oneDNN.
const c10::TypedOperatorHandle<OneDnnLinear>* FindOneDnnLinear() {
  static const auto found = [] {
    std::optional<c10::TypedOperatorHandle<OneDnnLinear>> handle;
    const auto schema = c10::Dispatcher::singleton().findSchema(
        {"mkldnn::_linear_pointwise", ""});
    if (schema.has_value() && at::globalContext().hasMKLDNN()) {
      handle = schema->typed<OneDnnLinear>();
    }
    return handle;
  }();
  return found.has_value() ? &*found : nullptr;
}

// An undefined bias is none.
std::optional<at::Tensor> Optional(const at::Tensor& bias) {
  return bias.defined() ? std::optional(bias) : std::nullopt;
}

// a b^t (+ bias) for matrices.
at::Tensor Product(const at::Tensor& a, const at::Tensor& b,
                   const std::optional<at::Tensor>& bias = std::nullopt) {
  return FindOneDnnLinear()->call(a, b, bias, "none", ActivationArguments(),
                                  std::nullopt);
}

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias) {
    context->save_for_backward({x, weight});
    context->saved_data["has_bias"] = bias.has_value();
    return Product(x, weight, bias);
  }

  static variable_list backward(AutogradContext* context,
                                const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous();
    variable_list result(3);
    if (context->needs_input_grad(0)) {
      result[0] = Product(gradient, saved[1].t());
    }
    if (context->needs_input_grad(1)) {
      result[1] = Product(gradient.t(), saved[0].t());
    }
    // Without a bias there is no third input to ask about.
    if (context->saved_data["has_bias"].toBool() &&
        context->needs_input_grad(2)) {
      result[2] = gradient.sum(0);
    }
    return result;
  }
};

// Not under autocast, whose own linear layer works in its narrower type.
bool ServedByOneDnn(const at::Tensor& x) {
  return !at::autocast::is_autocast_enabled(at::kCPU) && x.is_cpu() &&
         x.scalar_type() == at::kFloat && x.numel() > 0 &&
         at::globalContext().userEnabledMkldnn() &&
         FindOneDnnLinear() != nullptr;
}

}  // namespace

at::Tensor Linear(const at::Tensor& x, const Affine& layer) {
  const std::optional<at::Tensor> bias = Optional(layer.bias);
  if (!ServedByOneDnn(x)) return at::linear(x, layer.weight, bias);
  const at::Tensor rows = x.reshape({-1, x.size(-1)}).contiguous();
  at::DimVector shape(x.sizes());
  shape.back() = layer.weight.size(0);
  return LinearFunction::apply(rows, layer.weight.contiguous(), bias)
      .view(shape);
}

}  // namespace keel
