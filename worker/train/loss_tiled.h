// The loss by tiles of rows x columns, in two passes, with O(N D) memory.
//
// A member owns a stripe of rows and meets each tile of it once in a pass; its
// rows and its columns take their parts of it. Sums of rows are then complete,
// those of columns partial: N-long vectors that are summed over the members.
// Six products of N^2 D over the group. Tiles are met in a fixed order.
//
// First pass, sums of lines: as Inf-CL tiles the contrastive loss (Cheng et
// al., arXiv 2410.17243), both directions at once. Second pass, each tile's
// gradient from its recomputed entries, multiplied away at once: as
// FlashAttention recomputes (Dao et al., arXiv 2205.14135), and within the
// forward call as Liger does (Hsu et al., arXiv 2410.10989). The alignment's
// sums and gradient, which these do not have: loss_lines.h.
//
// Exponentials share one shift, so that they serve rows and columns. A line
// holds its own pair, hence its largest entry lies in [least diagonal, 1]; the
// shift is the middle of that, and exponents that matter stay within +-h,
// h = (1 - least diagonal) / 2 * factor. fp32 is used while h <= 59: e^59 is
// far from overflow, and what underflows (below e^-87) is less than N e^-28 of
// its line. Beyond, all is computed in float64, which does to h = 650: always
// with s <= 100.
#ifndef KEEL_WORKER_TRAIN_LOSS_TILED_H_
#define KEEL_WORKER_TRAIN_LOSS_TILED_H_

#include <ATen/ATen.h>

#include "worker/train/loss.h"

namespace keel {

// Of the alignment: below, exponents leave float64's range.
inline constexpr double kMinTiledTemperature = 0.003;

// LossStatistics and ComputeLossShare of this path, for N > 0. The statistics:
// [2, k, N], the sums of each row and of each column (loss_lines.h).
at::Tensor TiledStatistics(const GlobalEmbeddings& embeddings,
                           const at::Tensor& logit_scale, const Slice& own,
                           const LossOptions& options);
LossShare TiledShare(const GlobalEmbeddings& embeddings,
                     const at::Tensor& logit_scale, const Slice& own,
                     const LossOptions& options, const at::Tensor& statistics);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_TILED_H_
