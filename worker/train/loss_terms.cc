#include "worker/train/loss_terms.h"

#include <limits>

namespace keel {
namespace {

// The global batch of the published recipe, whose alpha is taken over.
constexpr double kReferenceBatch = 280;

// Entries [i, j] of the whole beside the diagonal: all, j < i, or j > i.
enum class Others { kAll, kBefore, kAfter };

// Largest of each row's entries that `others` means; minus infinity if none.
at::Tensor LargestOther(const at::Tensor& part, int64_t row, int64_t column,
                        Others others) {
  const int64_t least = column - (row + part.size(0) - 1);
  const int64_t most = column + part.size(1) - 1 - row;
  const bool whole = (others != Others::kAfter && most < 0) ||
                     (others != Others::kBefore && least > 0);
  if (whole) return part.amax(1);
  // The part's diagonal that is the whole's.
  const int64_t offset = row - column;
  const at::Tensor every = at::ones_like(part, at::kBool);
  const at::Tensor left_out = others == Others::kAll
                                  ? every.triu(offset).tril_(offset)
                              : others == Others::kBefore ? every.triu(offset)
                                                          : every.tril(offset);
  return part.masked_fill(left_out, -std::numeric_limits<double>::infinity())
      .amax(1);
}

}  // namespace

Direction ImageToText(const GlobalEmbeddings& e) {
  return {e.image, e.text, e.teacher_image, e.teacher_text};
}

Direction TextToImage(const GlobalEmbeddings& e) {
  return {e.text, e.image, e.teacher_text, e.teacher_image};
}

bool Aligns(const GlobalEmbeddings& e, const LossOptions& options) {
  // One pair alone has nothing beside its diagonal.
  return options.alpha != 0 && e.teacher_image.defined() &&
         e.image.size(0) > (options.kl_diagonal ? 0 : 1);
}

double KlWeight(const LossOptions& options, int64_t n, int64_t kept) {
  switch (options.kl_reduction) {
    case KlReduction::kBatchInvariant:
      return options.alpha / 2 * kReferenceBatch / static_cast<double>(n);
    case KlReduction::kSum:
      return options.alpha / 2;
    case KlReduction::kMean:
      return options.alpha / (2 * static_cast<double>(n));
    case KlReduction::kKeptRows:
      return kept > 0 ? options.alpha / static_cast<double>(kept) : 0.0;
  }
  return 0;
}

at::Tensor ExpMinusLinear(const at::Tensor& x) {
  // The series up to x^6 is wrong by x^5 / 2520 of its value, the difference by
  // twice the type's precision over x: they meet here.
  const double limit = x.scalar_type() == at::kDouble ? 0.01 : 0.25;
  at::Tensor series = at::mul(x, 1.0 / 720).add_(1.0 / 120);
  for (double coefficient : {1.0 / 24, 1.0 / 6, 1.0 / 2}) {
    at::addcmul_out(series, at::scalar_tensor(coefficient, x.options()), series,
                    x);
  }
  series.mul_(x).mul_(x);
  at::Tensor difference = x.expm1();
  difference.sub_(x);
  return at::where_out(difference, x.abs().lt(limit), series, difference);
}

at::Tensor BeatenRows(const at::Tensor& part, int64_t row, int64_t column,
                      const at::Tensor& diagonal, const LossOptions& options) {
  const auto beaten = [&](Others others, bool by_a_tie) {
    const at::Tensor other =
        LargestOther(part, row, column, others).to(at::kDouble);
    const at::Tensor own = diagonal.to(at::kDouble);
    return by_a_tie ? other.ge(own - options.tie_tolerance)
                    : other.gt(own + options.tie_tolerance);
  };
  if (options.screening == Screening::kNone) {
    return at::zeros({part.size(0)}, part.options().dtype(at::kBool));
  }
  switch (options.ties) {
    case TieRule::kKeepTies:
      return beaten(Others::kAll, false);
    case TieRule::kStrict:
      return beaten(Others::kAll, true);
    case TieRule::kFirstIndex:
      return beaten(Others::kBefore, true)
          .logical_or_(beaten(Others::kAfter, false));
  }
  return {};
}

}  // namespace keel
