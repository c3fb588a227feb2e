// What both paths of the loss are made of (loss.h has the formula).
#ifndef KEEL_WORKER_TRAIN_LOSS_TERMS_H_
#define KEEL_WORKER_TRAIN_LOSS_TERMS_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "worker/train/loss.h"

namespace keel {

// One of the two directions: a query (row) is to find its own key.
struct Direction {
  at::Tensor query;
  at::Tensor key;
  at::Tensor teacher_query;
  at::Tensor teacher_key;
};
Direction ImageToText(const GlobalEmbeddings& embeddings);
Direction TextToImage(const GlobalEmbeddings& embeddings);

// Whether there is an alignment to compute.
bool Aligns(const GlobalEmbeddings& embeddings, const LossOptions& options);

// The factor w of the sum of kept KL rows and columns, of which `kept` are
// kept in the whole batch; only kKeptRows asks for it.
double KlWeight(const LossOptions& options, int64_t n, int64_t kept);

// exp(x) - 1 - x without cancellation, of x's type.
at::Tensor ExpMinusLinear(const at::Tensor& x);

// Rows of a part of the teacher's matrix that are not the largest of theirs at
// the diagonal, as far as the part shows it: boolean, [R]. The part's first
// entry is [row, column] of the whole; `diagonal` are the diagonal's values in
// the part's rows. A row with NaN is not beaten, so that the loss shows it.
// Columns: with the part transposed.
at::Tensor BeatenRows(const at::Tensor& part, int64_t row, int64_t column,
                      const at::Tensor& diagonal, const LossOptions& options);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_TERMS_H_
