// Embeddings to compute losses of.
#ifndef KEEL_TESTS_WORKER_NUMERICS_LOSS_CASES_H_
#define KEEL_TESTS_WORKER_NUMERICS_LOSS_CASES_H_

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "worker/train/loss.h"

namespace keel::testing {

// The logit_scale whose exponential is `scale`.
inline at::Tensor Log(double scale) {
  return at::full({}, std::log(scale), at::kDouble);
}

inline at::Tensor UnitRandom(int64_t n, int64_t d, uint64_t seed) {
  const at::Tensor x =
      at::randn({n, d}, at::detail::createCPUGenerator(seed), at::kDouble);
  return x / x.norm(2, {1}, true);
}

// A student, and a teacher that gets some of the rows right.
inline GlobalEmbeddings RandomEmbeddings(int64_t n, int64_t d, uint64_t seed) {
  GlobalEmbeddings e;
  e.image = UnitRandom(n, d, seed);
  e.text = UnitRandom(n, d, seed + 1);
  e.teacher_image = UnitRandom(n, d, seed + 2);
  const at::Tensor near = e.teacher_image + 0.9 * UnitRandom(n, d, seed + 3);
  e.teacher_text = near / near.norm(2, {1}, true);
  return e;
}

// Every path, in tiles that no small batch fits.
inline LossOptions WithPath(LossOptions options, LossPath path) {
  options.path = path;
  options.tile_rows = 7;
  options.tile_columns = 12;
  return options;
}

inline std::vector<Slice> Slices(const std::vector<int64_t>& rows) {
  std::vector<Slice> slices;
  int64_t begin = 0;
  for (int64_t count : rows) {
    slices.push_back({begin, begin + count});
    begin += count;
  }
  return slices;
}

// The shares of members with `rows` rows each, summed.
inline LossShare SumOfShares(const GlobalEmbeddings& embeddings,
                             const at::Tensor& logit_scale,
                             const std::vector<int64_t>& rows,
                             const LossOptions& options) {
  const auto add = [](at::Tensor& to, const at::Tensor& from) {
    to = to.defined() ? to + from : from;
  };
  at::Tensor statistics;
  for (const Slice& own : Slices(rows)) {
    add(statistics, LossStatistics(embeddings, logit_scale, own, options));
  }
  LossShare sum;
  for (const Slice& own : Slices(rows)) {
    const LossShare share =
        ComputeLossShare(embeddings, logit_scale, own, options, statistics);
    sum.contrastive += share.contrastive;
    sum.distill += share.distill;
    sum.total += share.total;
    sum.kept_image += share.kept_image;
    sum.kept_text += share.kept_text;
    add(sum.grad_image, share.grad_image);
    add(sum.grad_text, share.grad_text);
    add(sum.grad_logit_scale, share.grad_logit_scale);
  }
  return sum;
}

inline GlobalEmbeddings ToType(const GlobalEmbeddings& e, at::ScalarType type) {
  return {e.image.to(type), e.text.to(type), e.teacher_image.to(type),
          e.teacher_text.to(type)};
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_WORKER_NUMERICS_LOSS_CASES_H_
