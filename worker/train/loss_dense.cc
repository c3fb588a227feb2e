#include "worker/train/loss_dense.h"

#include <algorithm>

#include "worker/train/loss_terms.h"

namespace keel {
namespace {

// Rows that are worked on at once: bounds the memory at a few tensors of
// kBlockRows x N.
constexpr int64_t kBlockRows = 1024;
// Cosines differ by at most 2, so deviations from a mean by at most 4; below
// this temperature their exponentials leave the range of fp32.
constexpr double kMinStableTemperature = 0.05;
// A logit whose softmax is zero; an infinity would make NaN of 0 times it.
constexpr double kLeftOut = -1e30;

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

// Cosines of the queries [begin, begin + count) with all keys.
at::Tensor Cosines(const at::Tensor& query, const at::Tensor& key,
                   int64_t begin, int64_t count) {
  return at::matmul(query.narrow(0, begin, count), key.t());
}

// The entries [i, begin + i], as a view.
at::Tensor Diagonal(const at::Tensor& cosines, int64_t begin) {
  return cosines.narrow(1, begin, cosines.size(0)).diagonal();
}

// Indexes of the block's rows that screening keeps.
at::Tensor KeptIndexes(const at::Tensor& teacher, int64_t begin,
                       const LossOptions& options) {
  return BeatenRows(teacher, begin, 0, Diagonal(teacher, begin), options)
      .logical_not_()
      .nonzero()
      .squeeze(1);
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
  // P - 1 as what the others have: it does not cancel where P is near 1.
  Diagonal(gradient, begin).zero_();
  Diagonal(gradient, begin).copy_(gradient.sum(1).neg_());
  return gradient.mul_(scale * share);
}

// The logits of the block's rows `kept`, scaled.
at::Tensor KlLogits(const at::Tensor& cosines, const at::Tensor& kept,
                    int64_t begin, const LossOptions& options) {
  at::Tensor logits =
      cosines.index_select(0, kept).mul_(1 / options.kl_temperature);
  if (!options.kl_diagonal) {
    logits.scatter_(1, (kept + begin).unsqueeze(1), kLeftOut);
  }
  return logits;
}

// Adds the block's kept KL rows to `sums` and their gradient by the cosines
// to `gradient`.
void Align(const Direction& direction, const at::Tensor& cosines, int64_t begin,
           const LossOptions& options, double weight, at::Tensor& gradient,
           Sums& sums) {
  const at::Tensor teacher = Cosines(
      direction.teacher_query, direction.teacher_key, begin, cosines.size(0));
  const at::Tensor kept = KeptIndexes(teacher, begin, options);
  sums.kept += kept.size(0);
  if (kept.size(0) == 0) return;
  const auto kl =
      options.kl_temperature < kMinStableTemperature ? TextbookKl : StableKl;
  const KlRows rows = kl(KlLogits(cosines, kept, begin, options),
                         KlLogits(teacher, kept, begin, options));
  sums.kl.add_(rows.kl.sum(at::kDouble));
  gradient.index_add_(0, kept, rows.delta, weight / options.kl_temperature);
}

// One direction's own rows: adds to the sums and to the gradients of queries
// and keys.
void AddDirection(const Direction& direction, const at::Tensor& scale,
                  const Slice& own, const LossOptions& options, double weight,
                  at::Tensor& grad_query, at::Tensor& grad_key, Sums& sums) {
  for (int64_t row = own.begin; row < own.end; row += kBlockRows) {
    const int64_t count = std::min(kBlockRows, own.end - row);
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

int64_t KeptInDirection(const Direction& direction, const Slice& own,
                        const LossOptions& options) {
  int64_t kept = 0;
  for (int64_t row = own.begin; row < own.end; row += kBlockRows) {
    const int64_t count = std::min(kBlockRows, own.end - row);
    const at::Tensor teacher =
        Cosines(direction.teacher_query, direction.teacher_key, row, count);
    kept += KeptIndexes(teacher, row, options).size(0);
  }
  return kept;
}

Sums ZeroSums(const at::Tensor& like) {
  const auto options = like.options().dtype(at::kDouble);
  return {at::zeros({}, options), at::zeros({}, options),
          at::zeros({}, options)};
}

}  // namespace

at::Tensor DenseStatistics(const GlobalEmbeddings& e, const Slice& own,
                           const LossOptions& options) {
  const auto type = e.image.options().dtype(at::kDouble);
  if (!Aligns(e, options) || options.kl_reduction != KlReduction::kKeptRows) {
    return at::empty({0}, type);
  }
  return at::full({1},
                  KeptInDirection(ImageToText(e), own, options) +
                      KeptInDirection(TextToImage(e), own, options),
                  type);
}

LossShare DenseShare(const GlobalEmbeddings& e, const at::Tensor& logit_scale,
                     const Slice& own, const LossOptions& options,
                     const at::Tensor& statistics) {
  const int64_t n = e.image.size(0);
  const auto kept = statistics.numel() == 0
                        ? int64_t{0}
                        : static_cast<int64_t>(statistics.item<double>());
  const double weight = Aligns(e, options) ? KlWeight(options, n, kept) : 0;
  const at::Tensor scale =
      logit_scale.detach().reshape({}).exp().to(e.image.scalar_type());
  LossShare share;
  share.grad_image = at::zeros_like(e.image);
  share.grad_text = at::zeros_like(e.text);
  Sums rows = ZeroSums(e.image);
  Sums columns = ZeroSums(e.image);
  AddDirection(ImageToText(e), scale, own, options, weight, share.grad_image,
               share.grad_text, rows);
  AddDirection(TextToImage(e), scale, own, options, weight, share.grad_text,
               share.grad_image, columns);
  const double kl = (rows.kl + columns.kl).item<double>();
  share.contrastive = (rows.contrastive + columns.contrastive).item<double>();
  share.distill = kl / 2;
  share.total = share.contrastive + weight * kl;
  share.kept_image = rows.kept;
  share.kept_text = columns.kept;
  share.grad_logit_scale = (rows.grad_scale + columns.grad_scale) * scale;
  return share;
}

}  // namespace keel
