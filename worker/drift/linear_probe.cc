#include "worker/drift/linear_probe.h"

#include <c10/core/GradMode.h>

#include <deque>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace keel {
namespace {

constexpr int kMaxIterations = 1000;
// Largest element of the gradient of the mean loss at the minimum.
constexpr double kTolerance = 1e-9;
constexpr size_t kMemory = 20;
constexpr int kMaxHalvings = 50;
// Of the decrease that the slope promises (Armijo).
constexpr double kSufficient = 1e-4;

double Dot(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum().item<double>();
}

// The mean loss, and its gradient. Parameters are [C, D + 1], the bias last.
class Objective {
 public:
  Objective(const at::Tensor& features, const at::Tensor& labels,
            int64_t classes)
      : rows_(at::cat({features, at::ones({features.size(0), 1}, at::kDouble)},
                      1)),
        labels_(labels.unsqueeze(1)),
        decay_(1 / (kLinearProbeC * static_cast<double>(features.size(0)))),
        decayed_(at::ones({classes, features.size(1) + 1}, at::kDouble)) {
    decayed_.select(1, features.size(1)).zero_();
  }

  double Value(const at::Tensor& theta) const {
    const at::Tensor own = LogShares(theta).gather(1, labels_);
    const at::Tensor decayed = theta * decayed_;
    return -own.mean().item<double>() + decay_ / 2 * Dot(decayed, decayed);
  }

  at::Tensor Gradient(const at::Tensor& theta) const {
    at::Tensor difference = LogShares(theta).exp();
    difference.scatter_add_(1, labels_,
                            at::full_like(labels_, -1, at::kDouble));
    return at::matmul(difference.t(), rows_) /
               static_cast<double>(rows_.size(0)) +
           decay_ * decayed_ * theta;
  }

 private:
  at::Tensor LogShares(const at::Tensor& theta) const {
    return at::log_softmax(at::matmul(rows_, theta.t()), 1);
  }

  const at::Tensor rows_;
  const at::Tensor labels_;
  const double decay_;
  const at::Tensor decayed_;
};

// The newest steps and changes of the gradient.
class Curvature {
 public:
  void Add(at::Tensor step, at::Tensor change) {
    const double product = Dot(step, change);
    if (product <= 0) return;
    pairs_.push_back({std::move(step), std::move(change), product});
    if (pairs_.size() > kMemory) pairs_.pop_front();
  }

  // An approximation of the inverse Hessian times `gradient`.
  at::Tensor Apply(const at::Tensor& gradient) const {
    at::Tensor q = gradient.clone();
    std::vector<double> alphas(pairs_.size());
    for (size_t i = pairs_.size(); i-- > 0;) {
      alphas[i] = Dot(pairs_[i].step, q) / pairs_[i].product;
      q.sub_(pairs_[i].change, alphas[i]);
    }
    if (!pairs_.empty()) {
      const Pair& newest = pairs_.back();
      q.mul_(newest.product / Dot(newest.change, newest.change));
    }
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const double beta = Dot(pairs_[i].change, q) / pairs_[i].product;
      q.add_(pairs_[i].step, alphas[i] - beta);
    }
    return q;
  }

 private:
  struct Pair {
    at::Tensor step;
    at::Tensor change;
    double product;
  };
  std::deque<Pair> pairs_;
};

// How far to go along -direction; 0: nothing is gained any more.
double LineSearch(const Objective& objective, const at::Tensor& theta,
                  const at::Tensor& direction, double slope) {
  const double start = objective.Value(theta);
  double length = 1;
  for (int i = 0; i < kMaxHalvings; ++i, length /= 2) {
    if (objective.Value(theta - length * direction) <=
        start - kSufficient * length * slope) {
      return length;
    }
  }
  return 0;
}

}  // namespace

absl::StatusOr<LinearProbe> FitLinearProbe(const at::Tensor& features,
                                           const at::Tensor& labels,
                                           int64_t classes) {
  const c10::NoGradGuard no_grad;
  const at::Tensor rows = features.to(at::kCPU, at::kDouble);
  if (rows.size(0) == 0 || !rows.isfinite().all().item<bool>()) {
    return absl::InvalidArgumentError(
        "a linear probe needs features, all of them finite");
  }
  const Objective objective(rows, labels, classes);
  at::Tensor theta = at::zeros({classes, rows.size(1) + 1}, at::kDouble);
  at::Tensor gradient = objective.Gradient(theta);
  Curvature curvature;
  LinearProbe probe;
  for (; probe.iterations < kMaxIterations; ++probe.iterations) {
    probe.converged = gradient.abs().max().item<double>() <= kTolerance;
    if (probe.converged) break;
    const at::Tensor direction = curvature.Apply(gradient);
    const double length =
        LineSearch(objective, theta, direction, Dot(direction, gradient));
    // The loss cannot tell the two apart: as near as float64 comes.
    probe.converged = length == 0;
    if (probe.converged) break;
    const at::Tensor step = -length * direction;
    theta = theta + step;
    at::Tensor next = objective.Gradient(theta);
    curvature.Add(step, next - gradient);
    gradient = std::move(next);
  }
  probe.weight = theta.narrow(1, 0, rows.size(1)).contiguous();
  probe.bias = theta.select(1, rows.size(1)).contiguous();
  return probe;
}

}  // namespace keel
