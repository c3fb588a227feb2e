// A linear classifier on frozen features.
#ifndef KEEL_WORKER_DRIFT_LINEAR_PROBE_H_
#define KEEL_WORKER_DRIFT_LINEAR_PROBE_H_

#include <ATen/ATen.h>

#include "absl/status/statusor.h"

namespace keel {

// Inverse strength of the L2 term, as in the example of CLIP's repository.
inline constexpr double kLinearProbeC = 0.316;

struct LinearProbe {
  at::Tensor weight;  // [C, D]
  at::Tensor bias;    // [C]
  int iterations = 0;
  // False if it gave up after 1,000 iterations.
  bool converged = false;
};

// Multinomial logistic regression: the minimum of |weight|^2 / 2 + C * (sum of
// cross entropies), the bias free, as scikit-learn's LogisticRegression. By
// L-BFGS (Nocedal and Wright, "Numerical Optimization", algorithm 7.5) from
// zero, on the CPU in float64; the same inputs give the same bits.
// `features` [N, D], `labels` [N] int64 below `classes`. INVALID_ARGUMENT: no
// row, or one that is not finite. O(N (C + D)) memory.
absl::StatusOr<LinearProbe> FitLinearProbe(const at::Tensor& features,
                                           const at::Tensor& labels,
                                           int64_t classes);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_LINEAR_PROBE_H_
