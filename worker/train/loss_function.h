// The loss of a step over the group: features in, their gradients out.
//
// Every member gives its own rows' features; the embeddings are gathered, each
// member computes its share of the loss, and the gradients of the gathered
// embeddings are summed. The result feeds torch::autograd::backward with the
// features and logit_scale as roots. Not differentiable itself, no graph.
#ifndef KEEL_WORKER_TRAIN_LOSS_FUNCTION_H_
#define KEEL_WORKER_TRAIN_LOSS_FUNCTION_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/comm/communicator.h"
#include "worker/train/loss.h"

namespace keel {

// A member's rows, [n, D], of any length; n may be 0. The teacher's are
// undefined on all members or on none; its scale is a logarithm.
struct LocalFeatures {
  at::Tensor image;
  at::Tensor text;
  at::Tensor teacher_image;
  at::Tensor teacher_text;
  at::Tensor teacher_logit_scale;
};

struct LossResult {
  // Of the whole batch, the same on every member.
  double contrastive = 0;
  // The method's own term; without its weight, if it is a loss of the batch.
  double distill = 0;
  double total = 0;
  // Whether rows were screened; how many were kept, and rows in all.
  bool screened = false;
  int64_t kept_image = 0;
  int64_t kept_text = 0;
  int64_t batch_size = 0;
  // Gradients of the total with respect to this member's features (of their
  // shape and type): complete.
  at::Tensor grad_image;
  at::Tensor grad_text;
  // This member's part of logit_scale's gradient, of its shape and type: the
  // parts sum to the whole when parameter gradients are summed over the group.
  at::Tensor grad_logit_scale;
};

// Collective: all members call it with the same `rows` (their counts, in rank
// order) and options. ABORTED as the communicator says. Nothing is required of
// finiteness: a NaN reaches the result. An empty batch gives zeros.
absl::StatusOr<LossResult> GlobalLoss(const LocalFeatures& features,
                                      const at::Tensor& logit_scale,
                                      const std::vector<int64_t>& rows,
                                      const LossOptions& options,
                                      Communicator& communicator);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_FUNCTION_H_
