// Embeds lists of samples with a checkpoint's model, without gradients.
#ifndef KEEL_WORKER_TRAIN_SAMPLE_EMBEDDER_H_
#define KEEL_WORKER_TRAIN_SAMPLE_EMBEDDER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/sample_loader.h"
#include "worker/data/tokenizer.h"
#include "worker/drift/recall.h"
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
  // True to stop early; empty: never. Asked between two
  // batches, by LoadSamples between two rows.
  std::function<bool()> stop_requested;
  // The same, asked by other threads and between two rows: no sign that the
  // job goes on.
  std::function<bool()> cancelled;
};

struct EmbeddedCaptions {
  // Not normalised, on the CPU; every caption of each sample.
  CaptionedEmbeddings embeddings;
  // As EmbeddedSamples::samples, of the images' rows.
  std::vector<int64_t> samples;
};

// CANCELLED: stopped early. Else the reader's errors. Thread-safe.
absl::StatusOr<EmbeddedSamples> EmbedSamples(
    const ClipModel& model, const std::vector<SampleList>& samples,
    const SampleSource& source);
absl::StatusOr<EmbeddedCaptions> EmbedCaptions(
    const ClipModel& model, const std::vector<SampleList>& samples,
    const SampleSource& source);

// EmbedSamples in two parts, for samples that are embedded again and again:
// decoded rows in memory, with the first captions, and their embeddings.
absl::StatusOr<std::vector<LoadedRows>> LoadSamples(
    const ModelConfig& model, const std::vector<SampleList>& samples,
    const SampleSource& source);
absl::StatusOr<PairEmbeddings> EmbedRows(
    const ClipModel& model, const std::vector<LoadedRows>& rows,
    const std::function<bool()>& stop_requested);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_SAMPLE_EMBEDDER_H_
