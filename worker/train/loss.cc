#include "worker/train/loss.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace keel {
namespace {

// Rows that are worked on at once: bounds the memory at a few tensors of
// kBlockRows x N.
constexpr int64_t kBlockRows = 1024;
// The global batch of the published recipe, whose alpha is taken over.
constexpr double kReferenceBatch = 280;
// Cosines differ by at most 2, so deviations from a mean by at most 4; below
// this temperature their exponentials leave the range of fp32.
constexpr double kMinStableTemperature = 0.05;

// One of the two directions: a query (row) is to find its own key.
struct Direction {
  at::Tensor query;
  at::Tensor key;
  at::Tensor teacher_query;
  at::Tensor teacher_key;
};

// Sums over the rows seen so far, float64 on the device.
struct Sums {
  at::Tensor contrastive;
  at::Tensor kl;
  at::Tensor grad_scale;
  int64_t kept = 0;
};

// KL divergence of each row, and its gradient by the student's logits.
struct KlRows {
  at::Tensor kl;     // [R]
  at::Tensor delta;  // [R, N]
};

Direction ImageToText(const GlobalEmbeddings& e) {
  return {e.image, e.text, e.teacher_image, e.teacher_text};
}

Direction TextToImage(const GlobalEmbeddings& e) {
  return {e.text, e.image, e.teacher_text, e.teacher_image};
}

bool Aligns(const GlobalEmbeddings& e, const LossOptions& options) {
  return options.alpha != 0 && e.teacher_image.defined();
}

// Cosines of the queries [begin, begin + count) with all keys.
at::Tensor Cosines(const at::Tensor& query, const at::Tensor& key,
                   int64_t begin, int64_t count) {
  return at::matmul(query.narrow(0, begin, count), key.t());
}

// The entries [i, begin + i], as a view.
at::Tensor Diagonal(const at::Tensor& cosines, int64_t begin) {
  return cosines.narrow(1, begin, cosines.size(0)).diagonal();
}

// Indexes of the block's rows that the teacher gets right. A row with NaN is
// kept, so that the loss shows it.
at::Tensor KeptIndexes(const at::Tensor& teacher, int64_t begin,
                       double tolerance) {
  at::Tensor others = teacher.clone();
  Diagonal(others, begin).fill_(-std::numeric_limits<double>::infinity());
  const at::Tensor wrong =
      Diagonal(teacher, begin).lt(others.amax(1) - tolerance);
  return wrong.logical_not().nonzero().squeeze(1);
}

// exp(x) - 1 - x without cancellation.
at::Tensor ExpMinusLinear(const at::Tensor& x) {
  // The series up to x^9: below 1e-9 of the sum where |x| < 1/4.
  at::Tensor series = at::ones_like(x);
  for (int k = 9; k >= 3; --k) series.mul_(x).mul_(1.0 / k).add_(1);
  series.mul_(x).mul_(x).mul_(0.5);
  return at::where(x.abs().lt(0.25), series, x.expm1() - x);
}

// With p the teacher's softmax and x = d - E_p[d], d the difference of the
// logits: KL = log1p(y), y = E_p[exp(x) - 1 - x], and its gradient
// q - p = p (exp(x) / E_p[exp(x)] - 1). Neither is a difference of nearly
// equal numbers when student and teacher are close, as the textbook's are.
KlRows StableKl(const at::Tensor& student, const at::Tensor& teacher) {
  const at::Tensor p = teacher.softmax(1);
  at::Tensor x = student - teacher;
  x.sub_((p * x).sum(1, true));
  const at::Tensor beyond = ExpMinusLinear(x);
  const at::Tensor y = (p * beyond).sum(1, true);
  return {y.log1p().squeeze(1), p * (beyond + x - y) / (y + 1)};
}

KlRows TextbookKl(const at::Tensor& student, const at::Tensor& teacher) {
  const at::Tensor log_p = teacher.log_softmax(1);
  const at::Tensor log_q = student.log_softmax(1);
  const at::Tensor p = log_p.exp();
  return {(p * (log_p - log_q)).sum(1), log_q.exp() - p};
}

// The factor w of the sum of kept KL rows and columns.
double KlWeight(const LossOptions& options, int64_t n, int64_t kept_total) {
  switch (options.kl_reduction) {
    case KlReduction::kBatchInvariant:
      return options.alpha / 2 * kReferenceBatch / static_cast<double>(n);
    case KlReduction::kSum:
      return options.alpha / 2;
    case KlReduction::kMean:
      return options.alpha / (2 * static_cast<double>(n));
    case KlReduction::kKeptRows:
      return kept_total > 0 ? options.alpha / static_cast<double>(kept_total)
                            : 0.0;
  }
  return 0;
}

// Adds the cross-entropy of a block to `sums`; returns its gradient by the
// cosines. Differences from the diagonal are taken first: they are what the
// loss is made of.
at::Tensor Contrast(const at::Tensor& cosines, int64_t begin,
                    const at::Tensor& scale, Sums& sums) {
  const double share = 0.5 / static_cast<double>(cosines.size(1));
  const at::Tensor margin = cosines - Diagonal(cosines, begin).unsqueeze(1);
  const at::Tensor logits = margin * scale;
  const at::Tensor lse = logits.logsumexp(1, true);
  at::Tensor gradient = (logits - lse).exp_();
  sums.contrastive.add_(lse.sum(at::kDouble) * share);
  sums.grad_scale.add_((gradient * margin).sum(1).sum(at::kDouble) * share);
  Diagonal(gradient, begin).sub_(1);
  return gradient.mul_(scale * share);
}

// Adds the block's kept KL rows to `sums` and their gradient by the cosines
// to `gradient`.
void Align(const Direction& direction, const at::Tensor& cosines, int64_t begin,
           const LossOptions& options, double weight, at::Tensor& gradient,
           Sums& sums) {
  const at::Tensor teacher = Cosines(
      direction.teacher_query, direction.teacher_key, begin, cosines.size(0));
  const at::Tensor kept = KeptIndexes(teacher, begin, options.tie_tolerance);
  sums.kept += kept.size(0);
  if (kept.size(0) == 0) return;
  const double inverse = 1 / options.kl_temperature;
  const auto kl =
      options.kl_temperature < kMinStableTemperature ? TextbookKl : StableKl;
  const KlRows rows = kl(cosines.index_select(0, kept) * inverse,
                         teacher.index_select(0, kept) * inverse);
  sums.kl.add_(rows.kl.sum(at::kDouble));
  gradient.index_add_(0, kept, rows.delta, weight * inverse);
}

// One direction's rows [begin, end): adds to the sums and to the gradients of
// queries and keys.
void AddDirection(const Direction& direction, const at::Tensor& scale,
                  int64_t begin, int64_t end, const LossOptions& options,
                  double weight, at::Tensor& grad_query, at::Tensor& grad_key,
                  Sums& sums) {
  for (int64_t row = begin; row < end; row += kBlockRows) {
    const int64_t count = std::min(kBlockRows, end - row);
    const at::Tensor cosines =
        Cosines(direction.query, direction.key, row, count);
    at::Tensor gradient = Contrast(cosines, row, scale, sums);
    if (weight != 0) {
      Align(direction, cosines, row, options, weight, gradient, sums);
    }
    grad_query.narrow(0, row, count).addmm_(gradient, direction.key);
    grad_key.addmm_(gradient.t(), direction.query.narrow(0, row, count));
  }
}

int64_t KeptInDirection(const Direction& direction, int64_t begin, int64_t end,
                        double tolerance) {
  int64_t kept = 0;
  for (int64_t row = begin; row < end; row += kBlockRows) {
    const int64_t count = std::min(kBlockRows, end - row);
    const at::Tensor teacher =
        Cosines(direction.teacher_query, direction.teacher_key, row, count);
    kept += KeptIndexes(teacher, row, tolerance).size(0);
  }
  return kept;
}

Sums ZeroSums(const at::Tensor& like) {
  const auto options = like.options().dtype(at::kDouble);
  return {at::zeros({}, options), at::zeros({}, options),
          at::zeros({}, options)};
}

}  // namespace

LossShare ComputeLossShare(const GlobalEmbeddings& embeddings,
                           const at::Tensor& logit_scale, int64_t begin,
                           int64_t end, const LossOptions& options,
                           int64_t kept_total) {
  const c10::NoGradGuard no_grad;
  const int64_t n = embeddings.image.size(0);
  const double weight = Aligns(embeddings, options) && n > 0
                            ? KlWeight(options, n, kept_total)
                            : 0;
  const at::Tensor scale =
      logit_scale.detach().reshape({}).exp().to(embeddings.image.scalar_type());
  LossShare share;
  share.grad_image = at::zeros_like(embeddings.image);
  share.grad_text = at::zeros_like(embeddings.text);
  Sums rows = ZeroSums(embeddings.image);
  Sums columns = ZeroSums(embeddings.image);
  AddDirection(ImageToText(embeddings), scale, begin, end, options, weight,
               share.grad_image, share.grad_text, rows);
  AddDirection(TextToImage(embeddings), scale, begin, end, options, weight,
               share.grad_text, share.grad_image, columns);
  const double kl = (rows.kl + columns.kl).item<double>();
  share.contrastive = (rows.contrastive + columns.contrastive).item<double>();
  share.distill = kl / 2;
  share.total = share.contrastive + weight * kl;
  share.kept_image = rows.kept;
  share.kept_text = columns.kept;
  share.grad_logit_scale = (rows.grad_scale + columns.grad_scale) * scale;
  return share;
}

int64_t KeptRows(const GlobalEmbeddings& embeddings, int64_t begin, int64_t end,
                 const LossOptions& options) {
  const c10::NoGradGuard no_grad;
  if (!Aligns(embeddings, options)) return 0;
  return KeptInDirection(ImageToText(embeddings), begin, end,
                         options.tie_tolerance) +
         KeptInDirection(TextToImage(embeddings), begin, end,
                         options.tie_tolerance);
}

}  // namespace keel
