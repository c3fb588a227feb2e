// Distillation of logits, as OpenCLIP's DistillClipLoss has it
// (open_clip/loss.py, 3.3.0): the student's distribution over a batch is drawn
// to the teacher's, each with its own scale.
//
//   D = 1/(2N) sum_i [ H(p_i, q_i) + H(p'_i, q'_i) ],  H(p, q) = -sum p log q
// p and q are the softmax of the rows of s' S' (teacher) and s S (student), p'
// and q' those of the columns; S = V T^t, s = exp(logit_scale). H is the KL
// divergence plus the teacher's entropy: the same gradient.
#ifndef KEEL_WORKER_TRAIN_DISTILL_LOSS_H_
#define KEEL_WORKER_TRAIN_DISTILL_LOSS_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "common/plan/phase_schedule.h"
#include "worker/train/loss.h"

namespace keel {

// Adds one member's share of alpha * D to `share`: D to `distill`, alpha * D
// to `total`, and the gradients by all embeddings and by logit_scale. The
// member owns the rows and the columns `own` of S. Both scales are logarithms,
// scalars; that of the teacher gets no gradient. Thread-safe.
void AddDistillShare(const GlobalEmbeddings& embeddings,
                     const at::Tensor& logit_scale,
                     const at::Tensor& teacher_logit_scale, const Slice& own,
                     double alpha, LossShare& share);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_DISTILL_LOSS_H_
