// Accuracy of a classifier that takes the class of the greatest score.
#ifndef KEEL_WORKER_DRIFT_CLASSIFICATION_H_
#define KEEL_WORKER_DRIFT_CLASSIFICATION_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace keel {

// Ratios of 0 to 1.
struct Accuracy {
  int64_t samples = 0;
  double top1 = 0;
  double top5 = 0;
  // Mean of top1 over the classes that have samples.
  double mean_per_class = 0;
};

// All float64 on the CPU. Pure.

// One direction for each class: the mean over its templates of text embeddings
// of unit length, again of unit length (Radford et al., arXiv 2103.00020,
// section 3.1.4). `texts` [C, T, D] -> [C, D]. INVALID_ARGUMENT: one that is
// not finite or has no direction.
absl::StatusOr<at::Tensor> ClassDirections(const at::Tensor& texts);

// Scores are `rows` [N, D] times `weight` [C, D] plus `bias` [C]; labels [N]
// int64. A class whose score is within 1e-6 of the right one's counts as ahead
// of it. At least one row. INVALID_ARGUMENT: a score that is not finite.
absl::StatusOr<Accuracy> Classify(const at::Tensor& rows,
                                  const at::Tensor& labels,
                                  const at::Tensor& weight,
                                  const at::Tensor& bias);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_CLASSIFICATION_H_
