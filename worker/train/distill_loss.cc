#include "worker/train/distill_loss.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "worker/train/loss_terms.h"

namespace keel {
namespace {

// Rows of the similarity matrix that are in memory at a time.
constexpr int64_t kRowsAtOnce = 256;

at::Tensor Scale(const at::Tensor& logarithm, const at::Tensor& like) {
  return logarithm.detach().reshape({}).exp().to(like.options());
}

// Adds the rows `own` to the gradients and returns the sum of their cross
// entropies, float64; `weight` is that of a row in the total.
at::Tensor AddDirectionShare(const Direction& direction,
                             const at::Tensor& scale,
                             const at::Tensor& teacher_scale, const Slice& own,
                             double weight, at::Tensor& grad_query,
                             at::Tensor& grad_key,
                             at::Tensor& grad_logit_scale) {
  at::Tensor sum = at::zeros({}, grad_logit_scale.options());
  for (int64_t row = own.begin; row < own.end; row += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, own.end - row);
    const at::Tensor query = direction.query.narrow(0, row, count);
    const at::Tensor logits = at::mm(query, direction.key.t()).mul_(scale);
    const at::Tensor teacher =
        at::mm(direction.teacher_query.narrow(0, row, count),
               direction.teacher_key.t())
            .mul_(teacher_scale)
            .softmax(1);
    const at::Tensor log_student = logits.log_softmax(1);
    sum.sub_((teacher * log_student).sum(at::kDouble));
    // By the logits.
    const at::Tensor gradient = log_student.exp().sub_(teacher).mul_(weight);
    grad_logit_scale += (gradient * logits).sum(at::kDouble);
    gradient.mul_(scale);
    grad_query.narrow(0, row, count).addmm_(gradient, direction.key);
    grad_key.addmm_(gradient.t(), query);
  }
  return sum;
}

}  // namespace

void AddDistillShare(const GlobalEmbeddings& embeddings,
                     const at::Tensor& logit_scale,
                     const at::Tensor& teacher_logit_scale, const Slice& own,
                     double alpha, LossShare& share) {
  const c10::NoGradGuard no_grad;
  if (own.size() == 0) return;
  const GlobalEmbeddings& e = embeddings;
  const at::Tensor scale = Scale(logit_scale, e.image);
  const at::Tensor teacher_scale = Scale(teacher_logit_scale, e.image);
  const double part = 1 / (2.0 * static_cast<double>(e.image.size(0)));
  at::Tensor grad_logit_scale =
      at::zeros({}, e.image.options().dtype(at::kDouble));
  const at::Tensor rows =
      AddDirectionShare(ImageToText(e), scale, teacher_scale, own, alpha * part,
                        share.grad_image, share.grad_text, grad_logit_scale);
  const at::Tensor columns =
      AddDirectionShare(TextToImage(e), scale, teacher_scale, own, alpha * part,
                        share.grad_text, share.grad_image, grad_logit_scale);
  const double distill = part * (rows + columns).item<double>();
  share.distill += distill;
  share.total += alpha * distill;
  share.grad_logit_scale = share.grad_logit_scale + grad_logit_scale;
}

}  // namespace keel
