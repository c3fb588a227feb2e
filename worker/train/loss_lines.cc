#include "worker/train/loss_lines.h"

namespace keel {
namespace {

// |E_p[exp(d)] - 1| below which the stable form is taken.
constexpr double kNear = 0.5;

}  // namespace

ContrastLines FinishContrast(const at::Tensor& sums, const at::Tensor& cosines,
                             const at::Tensor& exponents) {
  const at::Tensor own = exponents.exp();
  const at::Tensor whole = sums[kOthers] + own;
  return {.value = (sums[kOthers] / own).log1p(),
          .by_scale = (sums[kOthersCosine] - sums[kOthers] * cosines) / whole,
          .inverse = whole.reciprocal(),
          .miss = sums[kOthers] / whole};
}

AlignmentLines FinishAlignment(const at::Tensor& sums) {
  const at::Tensor mean = sums[kMean] / sums[kTeacher];
  const at::Tensor y = sums[kBeyond] / sums[kTeacher];
  const at::Tensor x = y + mean;
  const at::Tensor near = x.abs().lt(kNear);
  const at::Tensor far_kl = (sums[kStudent] / sums[kTeacher]).log() - mean;
  const at::Tensor student = sums[kStudent].reciprocal();
  const at::Tensor teacher = sums[kTeacher].reciprocal();

  AlignmentLines lines;
  lines.kept = sums[kBeaten].eq(0);
  const auto choose = [&](const at::Tensor& if_near, const at::Tensor& if_far) {
    return at::where(near, if_near, if_far)
        .masked_fill_(lines.kept.logical_not(), 0);
  };
  const at::Tensor none = at::zeros_like(x);
  lines.kl = choose(y + (x.log1p() - x), far_kl).clamp_min_(0);
  lines.teacher = choose(-x * student, -teacher);
  lines.student = choose(none, student);
  lines.beyond = choose(student, none);
  return lines;
}

}  // namespace keel
