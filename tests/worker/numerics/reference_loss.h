// The loss from its definition: dense float64 matrices, plain operators and
// autograd. Shares nothing with the product.
#ifndef KEEL_TESTS_WORKER_NUMERICS_REFERENCE_LOSS_H_
#define KEEL_TESTS_WORKER_NUMERICS_REFERENCE_LOSS_H_

#include <ATen/ATen.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "worker/train/loss.h"

namespace keel::testing {

// Mask of the rows that screening keeps, one comparison after the other.
inline at::Tensor ReferenceMask(const at::Tensor& teacher,
                                const LossOptions& options) {
  const int64_t n = teacher.size(0);
  at::Tensor mask = at::ones({n}, at::kBool);
  if (options.screening == Screening::kNone) return mask;
  const at::Tensor dense = teacher.contiguous();
  const auto entry = dense.accessor<double, 2>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      if (j == i) continue;
      const double ahead = entry[i][j] - entry[i][i];
      const bool tie = std::abs(ahead) <= options.tie_tolerance;
      const bool loses = options.ties == TieRule::kStrict ||
                         (options.ties == TieRule::kFirstIndex && j < i);
      if (tie ? loses : ahead > 0) mask[i] = false;
    }
  }
  return mask;
}

// KL of each row of softmax(teacher) against softmax(student).
inline at::Tensor ReferenceKl(const at::Tensor& student,
                              const at::Tensor& teacher, bool diagonal) {
  at::Tensor left_out = at::eye(student.size(0), at::kBool);
  if (diagonal) left_out.zero_();
  const auto log_softmax = [&](const at::Tensor& x) {
    return x - x.masked_fill(left_out, -std::numeric_limits<double>::infinity())
                   .logsumexp(1, true);
  };
  const at::Tensor log_p = log_softmax(teacher);
  return (log_p.exp() * (log_p - log_softmax(student)))
      .masked_fill(left_out, 0)
      .sum(1);
}

inline double ReferenceWeight(const LossOptions& options, int64_t n,
                              int64_t kept) {
  switch (options.kl_reduction) {
    case KlReduction::kSum:
      return options.alpha / 2;
    case KlReduction::kMean:
      return options.alpha / 2 / static_cast<double>(n);
    case KlReduction::kBatchInvariant:
      return options.alpha * 140 / static_cast<double>(n);
    case KlReduction::kKeptRows:
      return kept == 0 ? 0 : options.alpha / static_cast<double>(kept);
  }
  return 0;
}

// The inputs in float64, for gradients.
struct ReferenceInputs {
  static at::Tensor Leaf(const at::Tensor& x) {
    return x.detach().to(at::kDouble).clone().requires_grad_(true);
  }
  ReferenceInputs(const GlobalEmbeddings& e, const at::Tensor& logit_scale)
      : image(Leaf(e.image)), text(Leaf(e.text)), scale(Leaf(logit_scale)) {}

  at::Tensor Contrastive() const {
    const at::Tensor logits = image.mm(text.t()) * scale.exp();
    return (logits.log_softmax(1).diagonal().mean() +
            logits.log_softmax(0).diagonal().mean()) /
           -2;
  }
  // Both values, and the gradients of `total`. Once.
  void Fill(const at::Tensor& contrastive, const at::Tensor& total,
            LossShare& share) const {
    total.backward();
    share.contrastive = contrastive.item<double>();
    share.total = total.item<double>();
    share.grad_image = image.grad();
    share.grad_text = text.grad();
    share.grad_logit_scale = scale.grad();
  }

  const at::Tensor image, text, scale;
};

// A share of one member that owns all rows.
inline LossShare ReferenceLoss(const GlobalEmbeddings& e,
                               const at::Tensor& logit_scale,
                               const LossOptions& options) {
  const ReferenceInputs in(e, logit_scale);
  const at::Tensor s = in.image.mm(in.text.t());
  const at::Tensor contrastive = in.Contrastive();
  LossShare share;
  at::Tensor total = contrastive;
  const int64_t n = s.size(0);
  if (options.alpha != 0 && (options.kl_diagonal || n > 1)) {
    const at::Tensor t =
        e.teacher_image.to(at::kDouble).mm(e.teacher_text.to(at::kDouble).t());
    const double tau = options.kl_temperature;
    const at::Tensor rows = ReferenceMask(t, options);
    const at::Tensor columns = ReferenceMask(t.t(), options);
    const at::Tensor kl =
        (ReferenceKl(s / tau, t / tau, options.kl_diagonal) * rows).sum() +
        (ReferenceKl(s.t() / tau, t.t() / tau, options.kl_diagonal) * columns)
            .sum();
    share.kept_image = rows.sum().item<int64_t>();
    share.kept_text = columns.sum().item<int64_t>();
    share.distill = kl.item<double>() / 2;
    total =
        total +
        ReferenceWeight(options, n, share.kept_image + share.kept_text) * kl;
  }
  in.Fill(contrastive, total, share);
  return share;
}

// The published lines (ZixuanNi/Mod-X, continue_train_model.py): the student's
// rows take the place of those that the teacher gets wrong, and carry gradient.
inline LossShare PublishedLoss(const GlobalEmbeddings& e,
                               const at::Tensor& logit_scale, double alpha) {
  const ReferenceInputs in(e, logit_scale);
  const at::Tensor s = in.image.mm(in.text.t());
  const at::Tensor t = e.teacher_image.mm(e.teacher_text.t());
  const auto align = [](const at::Tensor& student, const at::Tensor& teacher) {
    const at::Tensor wrong =
        std::get<1>(teacher.max(1)).ne(at::arange(teacher.size(0)));
    const at::Tensor target =
        at::where(wrong.unsqueeze(1), student, teacher).softmax(1);
    return (target * (target.log() - student.softmax(1).log())).sum();
  };
  const at::Tensor kl = (align(s, t) + align(s.t(), t.t())) / 2;
  const at::Tensor contrastive = in.Contrastive();
  LossShare share;
  share.distill = kl.item<double>();
  in.Fill(contrastive, contrastive + alpha * kl, share);
  return share;
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_WORKER_NUMERICS_REFERENCE_LOSS_H_
