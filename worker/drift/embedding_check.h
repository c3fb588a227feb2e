// Embeddings made ready to be measured.
#ifndef KEEL_WORKER_DRIFT_EMBEDDING_CHECK_H_
#define KEEL_WORKER_DRIFT_EMBEDDING_CHECK_H_

#include <ATen/ATen.h>

#include "absl/status/statusor.h"

namespace keel {

// `embeddings` [N, D] as float64 on the CPU, rows of unit length.
// INVALID_ARGUMENT names `what`: not two axes, or a row that is not finite or
// all zero.
absl::StatusOr<at::Tensor> UnitRows(const at::Tensor& embeddings,
                                    const char* what);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_EMBEDDING_CHECK_H_
