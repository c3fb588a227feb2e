// Embeds lists of samples with a checkpoint's model, without gradients.
#ifndef KEEL_WORKER_TRAIN_SAMPLE_EMBEDDER_H_
#define KEEL_WORKER_TRAIN_SAMPLE_EMBEDDER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/tokenizer.h"
#include "worker/drift/spatial_disorder.h"
#include "worker/model/clip_model.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"

namespace keel {

struct EmbeddedSamples {
  // Not normalised, on the CPU; with several captions the first is taken.
  PairEmbeddings embeddings;
  // Ordinals of the rows; samples that do not decode are left out.
  std::vector<int64_t> samples;
};

// Where samples come from; all of it outlives the call.
struct SampleSource {
  ChunkReader& chunks;
  const Tokenizer& tokenizer;
  int64_t max_image_pixels = 100'000'000;
  // True to stop early; empty: never.
  std::function<bool()> stop_requested;
};

// CANCELLED: stopped early. Else the reader's errors. Thread-safe.
absl::StatusOr<EmbeddedSamples> EmbedSamples(
    const ClipModel& model, const std::vector<SampleList>& samples,
    const SampleSource& source);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_SAMPLE_EMBEDDER_H_
