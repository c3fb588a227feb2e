// Spatial disorder of the model in training against its parent, on a few probe
// samples, as gauges.
#ifndef KEEL_WORKER_TRAIN_LIVE_DRIFT_H_
#define KEEL_WORKER_TRAIN_LIVE_DRIFT_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/metrics/registry.h"
#include "worker/data/sample_loader.h"
#include "worker/drift/spatial_disorder.h"
#include "worker/model/clip_model.h"
#include "worker/seam/job.h"
#include "worker/train/sample_embedder.h"

namespace keel {

// Up to `count` of the samples, in their order: those whose images have the
// smallest digests, so that the choice depends on nothing else. Pure.
std::vector<SampleList> FixedSample(const std::vector<SampleList>& samples,
                                    int count);

// Holds the decoded samples and the parent's embeddings, so that measuring
// reads nothing. Measuring takes a forward pass over the samples and an
// O(count^2) table of angles; it changes neither weights nor gradients, and
// draws no random number. Not thread-safe.
class LiveDrift {
 public:
  // Decodes the samples and embeds them with `parent`; blocks. Samples that do
  // not decode are left out. INVALID_ARGUMENT: fewer than two are left; else as
  // EmbedSamples.
  static absl::StatusOr<std::unique_ptr<LiveDrift>> Create(
      const ClipModel& parent, const std::vector<SampleList>& samples,
      const SampleSource& source);

  // Sets keel_sd_live_degrees; deviation, its floor and residuals only where
  // FitIsReliable. INVALID_ARGUMENT: an embedding is not finite. CANCELLED:
  // `stopped` said true.
  absl::Status Measure(const ClipModel& student, Metrics& metrics,
                       const std::function<bool()>& stopped) const;
  // Takes the gauges away.
  static void Remove(Metrics& metrics);

 private:
  LiveDrift(std::vector<LoadedRows> rows, PairEmbeddings reference)
      : rows_(std::move(rows)), reference_(std::move(reference)) {}

  const std::vector<LoadedRows> rows_;
  const PairEmbeddings reference_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LIVE_DRIFT_H_
