// CLIP's contrastive loss with Mod-X's alignment (arXiv 2305.07437, as its
// published code computes it), over the global batch, from one member's rows.
//
//   L = 1/(2N) sum_i [R_i - s S_ii + C_i - s S_ii]
//     + w [ sum_i a_i KL(row i) + sum_j b_j KL(column j) ]
// S = V T^t cosines, s = exp(logit_scale), R and C the log-sum-exps of the
// rows and columns of s S; KL(p || q) of softmax(S'/tau) (teacher) against
// softmax(S/tau); a and b keep the rows and columns that screening keeps. w by
// the reduction:
//   kSum             alpha / 2, as published
//   kMean            alpha / (2 N)
//   kBatchInvariant  alpha / 2 * 280 / N: as published at its batch of 280
//   kKeptRows        alpha / (kept rows + kept columns): alpha times their mean
//
// Value and gradient come from two calls with a sum over the members in
// between:
//   statistics = LossStatistics(...)       // each member's, then summed
//   share = ComputeLossShare(..., statistics)
#ifndef KEEL_WORKER_TRAIN_LOSS_H_
#define KEEL_WORKER_TRAIN_LOSS_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "common/plan/phase_schedule.h"
#include "worker/seam/config.h"

namespace keel {

// How the matrices are gone through; the result is the same up to rounding.
enum class LossPath {
  kAuto,
  // A member's whole rows, then its whole columns: loss_dense.h.
  kDense,
  // Tiles of a member's rows: loss_tiled.h.
  kTiled,
};

struct LossOptions {
  // 0: no alignment; the teacher's tensors may be undefined.
  double alpha = 0.0;
  KlReduction kl_reduction = KlReduction::kBatchInvariant;
  double kl_temperature = 1.0;
  // Without it the entries S_ii are left out of the KL's softmaxes.
  bool kl_diagonal = true;
  // kTeacherRight: the rows whose diagonal is the teacher's largest entry.
  Screening screening = Screening::kTeacherRight;
  // Of entries within the tolerance of the diagonal: kKeepTies keeps the row,
  // kFirstIndex if none of them stands before it, kStrict not.
  TieRule ties = TieRule::kKeepTies;
  double tie_tolerance = 1e-6;

  LossPath path = LossPath::kAuto;
  int64_t tile_rows = 512;
  int64_t tile_columns = 1024;
  // Weight of the distillation of logits (distill_loss.h), which GlobalLoss
  // alone adds; 0: none.
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
  // (arXiv 2305.07437), or what AddDistillShare adds.
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

// The path that `options` means for a batch of `n`; the same on all members.
LossPath ResolvePath(const LossOptions& options, int64_t n);

// The first pass: what the second one needs of all members, float64 on the
// embeddings' device, to be summed over them. Empty if it needs nothing. The
// member owns the rows `own` of the batch.
at::Tensor LossStatistics(const GlobalEmbeddings& embeddings,
                          const at::Tensor& logit_scale, const Slice& own,
                          const LossOptions& options);

// The second pass. No autograd graph. `logit_scale` is the log; `statistics`
// are the members' sum. A NaN reaches the result.
LossShare ComputeLossShare(const GlobalEmbeddings& embeddings,
                           const at::Tensor& logit_scale, const Slice& own,
                           const LossOptions& options,
                           const at::Tensor& statistics);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_H_
