// CLIP's contrastive loss with Mod-X's alignment (arXiv 2305.07437, as its
// published code computes it), over the global batch, from one member's rows.
//
//   L = 1/(2N) sum_i [R_i - s S_ii + C_i - s S_ii]
//     + w [ sum_i a_i KL(row i) + sum_j b_j KL(column j) ]
// S = V T^t cosines, s = exp(logit_scale), R and C the log-sum-exps of the
// rows and columns of s S; KL(p || q) of softmax(S'/tau) (teacher) against
// softmax(S/tau); a and b keep the rows and columns that the teacher gets
// right. w by the reduction:
//   kSum             alpha / 2, as published
//   kMean            alpha / (2 N)
//   kBatchInvariant  alpha / 2 * 280 / N: as published at its batch of 280
//   kKeptRows        alpha / (kept rows + kept columns): alpha times their mean
#ifndef KEEL_WORKER_TRAIN_LOSS_H_
#define KEEL_WORKER_TRAIN_LOSS_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "worker/seam/config.h"

namespace keel {

struct LossOptions {
  // 0: no alignment; the teacher's tensors may be undefined.
  double alpha = 0.0;
  KlReduction kl_reduction = KlReduction::kBatchInvariant;
  double kl_temperature = 1.0;
  // A row is kept if its diagonal is not below the largest other entry of the
  // teacher by more than this.
  double tie_tolerance = 1e-6;
  // Weight of the distillation of logits (distill_loss.h); 0: none.
  double logit_alpha = 0.0;
};

// Unit-norm embeddings of the whole global batch, [N, D], in the batch's
// order; the same on every member.
struct GlobalEmbeddings {
  at::Tensor image;
  at::Tensor text;
  at::Tensor teacher_image;
  at::Tensor teacher_text;
};

// One member's share: summed over the members it is the loss (and its
// gradient). Fields are scalars (float64 on CPU) or tensors.
struct LossShare {
  double contrastive = 0;
  // Un-weighted: sum of the kept KL rows and columns over 2
  // (arXiv 2305.07437).
  double distill = 0;
  double total = 0;
  // Kept rows and columns among this member's.
  int64_t kept_image = 0;
  int64_t kept_text = 0;
  // Gradients of the total with respect to all embeddings, [N, D], and to
  // logit_scale (the log), as a scalar tensor. Partial: sum over the members.
  at::Tensor grad_image;
  at::Tensor grad_text;
  at::Tensor grad_logit_scale;
};

// The member owns rows and columns [begin, end) of S. Forward and gradient in
// one call, no autograd graph. `logit_scale` is the log. kKeptRows needs the
// global count of kept rows: KeptRows below, summed over the members, is
// passed as `kept_total`; other reductions ignore it.
LossShare ComputeLossShare(const GlobalEmbeddings& embeddings,
                           const at::Tensor& logit_scale, int64_t begin,
                           int64_t end, const LossOptions& options,
                           int64_t kept_total = 0);

// Rows plus columns that screening keeps among [begin, end).
int64_t KeptRows(const GlobalEmbeddings& embeddings, int64_t begin, int64_t end,
                 const LossOptions& options);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_H_
