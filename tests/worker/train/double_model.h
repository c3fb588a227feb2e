// A model in float64, for comparisons in which fp32's rounding would hide
// errors.
#ifndef KEEL_TESTS_WORKER_TRAIN_DOUBLE_MODEL_H_
#define KEEL_TESTS_WORKER_TRAIN_DOUBLE_MODEL_H_

#include <cstdint>

#include "worker/model/clip_model.h"

namespace keel {

// Random weights whose parameters, which require gradients, and running
// statistics are float64.
inline ClipModel DoubleModel(const ModelConfig& config, int64_t seed) {
  ClipModel model = ClipModel::Random(config, seed);
  for (const NamedTensor& t : model.state()) {
    if (t.tensor.scalar_type() != at::kFloat) continue;
    // In place: the towers hold the same tensors.
    t.tensor.set_data(t.tensor.to(at::kDouble));
  }
  model.RequireGrad(true);
  return model;
}

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_TRAIN_DOUBLE_MODEL_H_
