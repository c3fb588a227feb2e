#include "worker/train/ewc.h"

#include <c10/core/GradMode.h>

namespace keel {

Ewc::Ewc(const Options& options, const ClipModel& student,
         const std::optional<ClipModel>& parent,
         const std::optional<Fisher>& before)
    : options_(options), parameters_(student.parameters()) {
  for (const NamedTensor& p : parameters_) {
    sums_.push_back(at::zeros_like(p.tensor.detach()));
  }
  if (!parent.has_value() || !before.has_value()) return;
  before_ = before;
  for (const NamedTensor& p : parent->parameters()) {
    anchor_.push_back(p.tensor.detach());
  }
}

at::Tensor Ewc::Apply(int64_t step) {
  const c10::NoGradGuard no_grad;
  if (step >= options_.first_step) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const at::Tensor& gradient = parameters_[i].tensor.grad();
      sums_[i].addcmul_(gradient, gradient);
    }
  }
  if (!before_.has_value()) return {};
  at::Tensor sum = at::zeros({}, sums_[0].options().dtype(at::kDouble));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor away = parameters_[i].tensor.detach() - anchor_[i];
    const at::Tensor pull = before_->diagonal[i] * away;
    sum += (pull * away).sum(at::kDouble);
    parameters_[i].tensor.grad().add_(pull, options_.lambda);
  }
  return sum.mul_(options_.lambda / 2);
}

void Ewc::Restore(const std::vector<at::Tensor>& sums) {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i].copy_(sums.at(i));
}

std::vector<at::Tensor> Ewc::before() const {
  return before_.has_value() ? before_->diagonal : std::vector<at::Tensor>();
}

Fisher Ewc::After() const {
  const c10::NoGradGuard no_grad;
  const auto steps =
      static_cast<double>(options_.step_count - options_.first_step);
  const int64_t phases = before_.has_value() ? before_->phase_count : 0;
  Fisher after;
  after.phase_count = phases + 1;
  for (size_t i = 0; i < sums_.size(); ++i) {
    const at::Tensor mean = sums_[i] / steps;
    after.diagonal.push_back(
        phases == 0 ? mean
                    : at::lerp(before_->diagonal[i], mean,
                               1.0 / static_cast<double>(phases + 1)));
  }
  return after;
}

}  // namespace keel
