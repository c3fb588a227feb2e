#include "worker/train/distill_loss.h"

#include <c10/core/GradMode.h>

#include <algorithm>

namespace keel {
namespace {

// Rows of the similarity matrix that are in memory at a time.
constexpr int64_t kDistillRows = 256;

// One direction: its rows are the softmax over `key`.
struct DistillDirection {
  const at::Tensor& query;
  const at::Tensor& key;
  const at::Tensor& teacher_query;
  const at::Tensor& teacher_key;
};

at::Tensor Scale(const at::Tensor& logarithm, const at::Tensor& like) {
  return logarithm.detach().reshape({}).exp().to(like.options());
}

// Adds the rows `own` to the gradients and returns the sum of their cross
// entropies; `weight` is that of a row in the total.
double AddDistillDirection(const DistillDirection& direction,
                           const at::Tensor& scale,
                           const at::Tensor& teacher_scale, const Slice& own,
                           double weight, at::Tensor& grad_query,
                           at::Tensor& grad_key, at::Tensor& grad_logit_scale) {
  double sum = 0;
  for (int64_t row = own.begin; row < own.end; row += kDistillRows) {
    const int64_t count = std::min(kDistillRows, own.end - row);
    const at::Tensor query = direction.query.narrow(0, row, count);
    const at::Tensor logits = at::mm(query, direction.key.t()).mul_(scale);
    const at::Tensor teacher =
        at::mm(direction.teacher_query.narrow(0, row, count),
               direction.teacher_key.t())
            .mul_(teacher_scale)
            .softmax(1);
    const at::Tensor log_student = logits.log_softmax(1);
    sum -= (teacher * log_student).sum(at::kDouble).item<double>();
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
  const double rows = AddDistillDirection(
      {e.image, e.text, e.teacher_image, e.teacher_text}, scale, teacher_scale,
      own, alpha * part, share.grad_image, share.grad_text, grad_logit_scale);
  const double columns = AddDistillDirection(
      {e.text, e.image, e.teacher_text, e.teacher_image}, scale, teacher_scale,
      own, alpha * part, share.grad_text, share.grad_image, grad_logit_scale);
  share.distill += part * (rows + columns);
  share.total += alpha * part * (rows + columns);
  share.grad_logit_scale = share.grad_logit_scale + grad_logit_scale;
}

}  // namespace keel
