// How the embeddings of two modalities lie in their common space.
#ifndef KEEL_WORKER_DRIFT_EMBEDDING_SHAPE_H_
#define KEEL_WORKER_DRIFT_EMBEDDING_SHAPE_H_

#include <ATen/ATen.h>

namespace keel {

// Pure; float64 on the CPU, rows of unit length, at least one.

// Length of the difference of the two means (Liang et al., "Mind the gap",
// NeurIPS 2022): 0 to 2.
double ModalityGap(const at::Tensor& image, const at::Tensor& text);

// exp of the entropy of the singular values, scaled to a sum of 1 (Roy and
// Vetterli, "The effective rank", EUSIPCO 2007): 1 for a collapsed space, D
// for one that is used evenly.
double EffectiveRank(const at::Tensor& rows);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_EMBEDDING_SHAPE_H_
