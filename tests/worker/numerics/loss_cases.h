// Embeddings to compute losses of.
#ifndef KEEL_TESTS_WORKER_NUMERICS_LOSS_CASES_H_
#define KEEL_TESTS_WORKER_NUMERICS_LOSS_CASES_H_

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cstdint>
#include <vector>

#include "worker/train/loss.h"

namespace keel::testing {

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

// The shares of members with `rows` rows each, summed.
inline LossShare SumOfShares(const GlobalEmbeddings& embeddings,
                             const at::Tensor& logit_scale,
                             const std::vector<int64_t>& rows,
                             const LossOptions& options) {
  int64_t kept = 0;
  int64_t begin = 0;
  for (int64_t count : rows) {
    kept += KeptRows(embeddings, begin, begin + count, options);
    begin += count;
  }
  LossShare sum;
  begin = 0;
  for (int64_t count : rows) {
    const LossShare share = ComputeLossShare(embeddings, logit_scale, begin,
                                             begin + count, options, kept);
    begin += count;
    sum.contrastive += share.contrastive;
    sum.distill += share.distill;
    sum.total += share.total;
    sum.kept_image += share.kept_image;
    sum.kept_text += share.kept_text;
    const auto add = [](at::Tensor& to, const at::Tensor& from) {
      to = to.defined() ? to + from : from;
    };
    add(sum.grad_image, share.grad_image);
    add(sum.grad_text, share.grad_text);
    add(sum.grad_logit_scale, share.grad_logit_scale);
  }
  return sum;
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_WORKER_NUMERICS_LOSS_CASES_H_
