// The smallest model that has every kind of parameter.
#ifndef KEEL_TESTS_WORKER_TRAIN_SMALL_MODEL_H_
#define KEEL_TESTS_WORKER_TRAIN_SMALL_MODEL_H_

#include "worker/model/clip_model.h"

namespace keel {

inline ModelConfig SmallModelConfig() {
  ModelConfig model;
  model.embed_dim = 16;
  model.vision = {
      .image_size = 16, .patch_size = 8, .width = 32, .layers = 1, .heads = 2};
  model.text.context_length = 12;
  model.text.width = 32;
  model.text.layers = 1;
  model.text.heads = 2;
  return model;
}

inline ClipModel SmallModel(int64_t seed) {
  ClipModel model = ClipModel::Random(SmallModelConfig(), seed);
  model.RequireGrad(true);
  return model;
}

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_TRAIN_SMALL_MODEL_H_
