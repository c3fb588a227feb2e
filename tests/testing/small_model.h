// An architecture that is small enough to test with.
#ifndef KEEL_TESTS_TESTING_SMALL_MODEL_H_
#define KEEL_TESTS_TESTING_SMALL_MODEL_H_

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "worker/seam/config.h"

namespace keel::testing {

// Two layers each; 32 px in patches of 8, context 12, vocabulary 100.
inline ModelConfig SmallModel() {
  ModelConfig config;
  config.embed_dim = 16;
  config.vision = {32, 8, 24, 2, 2, 4.0};
  config.text = {12, 100, 32, 2, 4, 4.0};
  return config;
}

// A block in each stage; 64 px, of which 2 x 2 places are pooled.
inline ModelConfig SmallResNet() {
  ModelConfig config = SmallModel();
  config.vision = {
      .image_size = 64, .width = 8, .heads = 4, .blocks = {1, 2, 1, 1}};
  return config;
}

inline at::Tensor RandomImages(int64_t n, int size, uint64_t seed) {
  return at::randn({n, 3, size, size}, at::detail::createCPUGenerator(seed));
}

// Row i has its end token (99, the highest id) at 1 + (3 i) % (length - 1),
// zeros behind it.
inline at::Tensor RandomTokens(int64_t n, int64_t length, uint64_t seed) {
  const at::Tensor tokens = at::randint(
      1, 98, {n, length}, at::detail::createCPUGenerator(seed), at::kLong);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t end = 1 + (3 * i) % (length - 1);
    tokens[i].slice(0, end).zero_();
    tokens[i][end] = 99;
  }
  return tokens;
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_SMALL_MODEL_H_
