#include "worker/train/sample_embedder.h"

#include <c10/core/GradMode.h>

#include <optional>

#include "common/status_macros.h"
#include "worker/data/batch_prefetcher.h"
#include "worker/train/batch_tensors.h"

namespace keel {
namespace {

// Rows of one pass.
constexpr int64_t kBatch = 64;

std::optional<std::vector<RowRequest>> RowsOfBatch(int64_t index,
                                                   int64_t count) {
  if (index * kBatch >= count) return std::nullopt;
  std::vector<RowRequest> rows;
  for (int64_t i = index * kBatch; i < std::min(count, (index + 1) * kBatch);
       ++i) {
    rows.push_back({.sample = i, .caption = 0});
  }
  return rows;
}

SampleLoader::Options LoaderOptions(const ClipModel& model,
                                    const SampleSource& source) {
  // Every sample is read once: nothing is worth keeping.
  return {.image_size = model.config().vision.image_size,
          .context_length = model.config().text.context_length,
          .max_image_pixels = source.max_image_pixels,
          .crop_cache_bytes = 0};
}

}  // namespace

absl::StatusOr<EmbeddedSamples> EmbedSamples(
    const ClipModel& model, const std::vector<SampleList>& samples,
    const SampleSource& source) {
  c10::NoGradGuard no_grad;
  const at::Device device = model.logit_scale().device();
  SampleLoader loader(LoaderOptions(model, source), samples, source.chunks,
                      source.tokenizer);
  const int64_t count = loader.sample_count();
  BatchPrefetcher batches(
      loader, [&](int64_t index) { return RowsOfBatch(index, count); }, 2);
  EmbeddedSamples result;
  const at::Tensor none = at::empty({0, model.config().embed_dim});
  std::vector<at::Tensor> images = {none}, texts = {none};
  for (int64_t row = 0; row < count; row += kBatch) {
    if (source.stop_requested && source.stop_requested()) {
      return absl::CancelledError("stopped while embedding");
    }
    KEEL_ASSIGN_OR_RETURN(const LoadedRows rows, batches.Next());
    if (rows.samples.empty()) continue;
    images.push_back(
        model.EncodeImage(ImageTensor(rows, model.config(), device)).cpu());
    texts.push_back(
        model.EncodeText(TokenTensor(rows, model.config(), device)).cpu());
    result.samples.insert(result.samples.end(), rows.samples.begin(),
                          rows.samples.end());
  }
  result.embeddings = {at::cat(images), at::cat(texts)};
  return result;
}

}  // namespace keel
