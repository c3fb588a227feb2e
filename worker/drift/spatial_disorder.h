// Spatial disorder: how a phase turned the representation space, measured on
// one probe set at two checkpoints (docs/metrics.md defines the measures).
//
// All in float64: angles of nearly equal vectors are lost in float32, and in
// an arc cosine in any precision. Stateless; runs on the CPU; O(N^2 D) time,
// O(N) memory.
#ifndef KEEL_WORKER_DRIFT_SPATIAL_DISORDER_H_
#define KEEL_WORKER_DRIFT_SPATIAL_DISORDER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "worker/seam/job.h"

namespace keel {

// Embeddings of a probe set by one checkpoint: [N, D], row a of both a
// matching pair. They need not be of unit length, nor of one type or device.
struct PairEmbeddings {
  at::Tensor image;
  at::Tensor text;
};

// Fills sample_count and the measures; names and phases are left to the
// caller. INVALID_ARGUMENT: fewer than two pairs, shapes that differ, or an
// embedding that is not finite or has no direction. CANCELLED: `stopped`,
// which is asked for each 256 rows of a table of angles and between two fits,
// said true.
absl::StatusOr<DriftResult> MeasureSpatialDisorder(
    const PairEmbeddings& reference, const PairEmbeddings& current,
    const std::function<bool()>& stopped = {});

// Whether best-fit rotations mean something: from 2 D pairs on.
bool FitIsReliable(int64_t pairs, int64_t width);

// The same without deviation and residuals, which need best-fit rotations:
// those take O(D^3). Errors as above.
absl::StatusOr<DriftResult> MeasureAngleChanges(
    const PairEmbeddings& reference, const PairEmbeddings& current,
    const std::function<bool()>& stopped = {});

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_SPATIAL_DISORDER_H_
