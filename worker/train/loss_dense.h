// The loss by whole rows and columns of the matrices, in blocks of rows.
//
// A member computes its own rows and its own columns, so it needs nothing of
// the others but the count of kept rows. Each direction has its own products
// (eight of N^2 D over the group), and a block is as long as the batch: for
// small ones.
#ifndef KEEL_WORKER_TRAIN_LOSS_DENSE_H_
#define KEEL_WORKER_TRAIN_LOSS_DENSE_H_

#include <ATen/ATen.h>

#include "worker/train/loss.h"

namespace keel {

// LossStatistics and ComputeLossShare of this path. The statistics: rows plus
// columns that screening keeps, [1], where the reduction asks for them.
at::Tensor DenseStatistics(const GlobalEmbeddings& embeddings, const Slice& own,
                           const LossOptions& options);
LossShare DenseShare(const GlobalEmbeddings& embeddings,
                     const at::Tensor& logit_scale, const Slice& own,
                     const LossOptions& options, const at::Tensor& statistics);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOSS_DENSE_H_
