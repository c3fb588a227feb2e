// Retrieval by a checkpoint on probe sets: images and all their captions.
#ifndef KEEL_WORKER_DRIFT_RECALL_H_
#define KEEL_WORKER_DRIFT_RECALL_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/seam/job.h"

namespace keel {

// Embeddings of a probe set by one checkpoint. They need not be of unit length,
// nor of one type or device.
struct CaptionedEmbeddings {
  at::Tensor image;  // [N, D]
  at::Tensor text;   // [M, D]
  // [M] int64: the row of each text's image. Every image has a text.
  at::Tensor image_of_text;
};

struct RecallOptions {
  // Key of the bootstrap.
  int64_t seed = 0;
  // Asked between blocks of the tables of cosines; empty: never stops.
  std::function<bool()> stopped;
};

// A result for each set, but for its phase and name: by cosine in the set's
// own gallery, and in that of all `sets` together, unless that would take more
// than 1e9 cosines (then pool_sample_count is 0).
//
// Rank of an image: that of the best of its own texts among the texts of other
// images. Rank of a text: that of its image among all. A wrong match whose
// cosine is within 1e-6 of the right one's counts as ahead of it, so that
// embeddings which cannot be told apart score nothing.
//
// Stateless; CPU, float64; memory O(N + M), in blocks. INVALID_ARGUMENT: an
// empty set, shapes that differ, an image without a text, or an embedding that
// is not finite or has no direction. CANCELLED: `stopped` said true.
absl::StatusOr<std::vector<RecallResult>> MeasureRecall(
    const std::vector<CaptionedEmbeddings>& sets,
    const RecallOptions& options = {});

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_RECALL_H_
