// Decoded rows as the model's inputs.
#ifndef KEEL_WORKER_TRAIN_BATCH_TENSORS_H_
#define KEEL_WORKER_TRAIN_BATCH_TENSORS_H_

#include <ATen/ATen.h>

#include "worker/data/sample_loader.h"
#include "worker/seam/config.h"

namespace keel {

// [n, 3, S, S] float with CLIP's mean and deviation taken out, on `device`.
at::Tensor ImageTensor(const LoadedRows& rows, const ModelConfig& config,
                       at::Device device);
// [n, L] int64 on `device`; L is the rows' longest caption, or with `whole`
// the context length.
at::Tensor TokenTensor(const LoadedRows& rows, const ModelConfig& config,
                       at::Device device, bool whole = false);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_BATCH_TENSORS_H_
