// Recall of a checkpoint on a probe set of pairs.
#ifndef KEEL_WORKER_DRIFT_RECALL_H_
#define KEEL_WORKER_DRIFT_RECALL_H_

#include "absl/status/statusor.h"
#include "worker/drift/spatial_disorder.h"
#include "worker/seam/job.h"

namespace keel {

// Recall@1, 5 and 10 by cosine, both ways; fills sample_count and the ratios.
// Row a of the images and of the texts match, all others are wrong. Another
// row whose cosine is within 1e-6 of the right one's counts as ahead of it, so
// that embeddings which cannot be told apart score nothing. Stateless; CPU,
// float64. INVALID_ARGUMENT: no pairs, shapes that differ, or an embedding
// that is not finite or has no direction.
absl::StatusOr<RecallResult> MeasureRecall(const PairEmbeddings& embeddings);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_RECALL_H_
