// What the sums over a line (a row or a column of the matrices) come to: values
// of the loss, and factors of its gradient. Pure functions in float64, where
// plain differences are exact enough; [N], one entry for each line.
//
// With d = (S - S') / tau, p the teacher's softmax, q the student's,
// m = E_p[d], y = E_p[exp(d) - 1 - d] and x = y + m = E_p[exp(d)] - 1:
//   KL = y + log1p(x) - x,   q - p = p (exp(d) - 1 - x) / (1 + x).
// No term is a difference of nearly equal numbers where student and teacher are
// near, and all are sums of one pass. Where |x| >= 1/2, and 1 + x may be near
// 0, the textbook's KL = log(sum Q / sum P) - m and q - p are exact enough.
// The contrastive part is summed without the diagonal: with o the others' sum
// over the diagonal's exponential, its line is log1p(o), its P_ii - 1 is
// -o / (1 + o).
#ifndef KEEL_WORKER_TRAIN_LOSS_LINES_H_
#define KEEL_WORKER_TRAIN_LOSS_LINES_H_

#include <ATen/ATen.h>

namespace keel {

// The sums, by their place in a [k, N] tensor. c and c' are shifts.
enum LineSum {
  kOthers,        // exp(z) beside the diagonal, z = s (S - c)
  kOthersCosine,  // S exp(z) beside the diagonal
  kTeacher,       // P = exp((S' - c') / tau)
  kStudent,       // Q = exp((S - c') / tau) = P exp(d)
  kMean,          // P d
  kBeyond,        // P (exp(d) - 1 - d)
  kBeaten,        // how often screening found the teacher wrong
  kLineSums,
};

struct ContrastLines {
  at::Tensor value;
  at::Tensor by_scale;  // its derivative by s
  // softmax = exp(z) * inverse; miss = 1 - the diagonal's.
  at::Tensor inverse;
  at::Tensor miss;
};

// `cosines` and `exponents`: S and z of the lines' own pairs.
ContrastLines FinishContrast(const at::Tensor& sums, const at::Tensor& cosines,
                             const at::Tensor& exponents);

struct AlignmentLines {
  at::Tensor kept;  // boolean
  // Zero where the line is not kept, as are the factors.
  at::Tensor kl;
  // q - p = teacher * P + student * Q + beyond * P (exp(d) - 1); `student` is
  // zero where the stable form is taken, else `beyond`.
  at::Tensor teacher;
  at::Tensor student;
  at::Tensor beyond;
};

AlignmentLines FinishAlignment(const at::Tensor& sums);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_LINES_H_
