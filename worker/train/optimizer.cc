#include "worker/train/optimizer.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace keel {
namespace {

// exp(logit_scale) stays within [1, 100], as CLIP's.
const double kMaxLogitScale = std::log(100.0);

}  // namespace

AdamW::AdamW(const ClipModel& model, const TrainConfig& config)
    : model_(model), config_(config), groups_(2) {
  groups_[0].weight_decay = config.weight_decay;
  const auto& parameters = model.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool exempt = !config.decay_all && IsExemptFromDecay(parameters[i]);
    groups_[exempt ? 1 : 0].members.push_back(i);
    exp_avg_.push_back(at::zeros_like(parameters[i].tensor));
    exp_avg_sq_.push_back(at::zeros_like(parameters[i].tensor));
  }
  steps_ = at::zeros({}, parameters[0].tensor.options().dtype(at::kFloat));
}

void AdamW::Step(double learning_rate, const at::Tensor& skip) {
  c10::NoGradGuard no_grad;
  steps_.add_(1 - skip);
  for (const Group& group : groups_) {
    if (!group.members.empty()) StepGroup(group, learning_rate, skip);
  }
  at::Tensor scale = model_.logit_scale();
  scale.copy_(at::where(skip > 0, scale, scale.clamp(0, kMaxLogitScale)));
}

void AdamW::StepGroup(const Group& group, double learning_rate,
                      const at::Tensor& skip) {
  std::vector<at::Tensor> parameters, gradients, exp_avg, exp_avg_sq;
  for (size_t i : group.members) {
    parameters.push_back(model_.parameters()[i].tensor);
    gradients.push_back(parameters.back().grad());
    exp_avg.push_back(exp_avg_[i]);
    exp_avg_sq.push_back(exp_avg_sq_[i]);
  }
  const std::vector<at::Tensor> steps(parameters.size(), steps_);
  at::_fused_adamw_(parameters, gradients, exp_avg, exp_avg_sq,
                    /*max_exp_avg_sqs=*/{}, steps, learning_rate, config_.beta1,
                    config_.beta2, group.weight_decay, config_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false,
                    /*grad_scale=*/std::nullopt, /*found_inf=*/skip);
}

void AdamW::Restore(const TrainerState& state) {
  for (size_t i = 0; i < exp_avg_.size(); ++i) {
    exp_avg_[i].copy_(state.exp_avg[i]);
    exp_avg_sq_[i].copy_(state.exp_avg_sq[i]);
  }
  steps_.fill_(static_cast<double>(state.optimizer_step));
}

int64_t AdamW::step_count() const {
  return static_cast<int64_t>(steps_.item<float>());
}

at::Tensor GlobalNorm(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> norms;
  norms.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) {
    norms.push_back(at::linalg_vector_norm(tensor).to(at::kDouble));
  }
  return at::linalg_vector_norm(at::stack(norms));
}

void ClipToNorm(const std::vector<at::Tensor>& tensors, const at::Tensor& norm,
                double limit) {
  const at::Tensor factor = (limit / (norm + 1e-6)).clamp_max(1.0);
  for (const at::Tensor& tensor : tensors)
    tensor.mul_(factor.to(tensor.dtype()));
}

}  // namespace keel
