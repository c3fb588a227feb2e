#include "worker/train/sample_embedder.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "common/status_macros.h"
#include "worker/data/batch_prefetcher.h"
#include "worker/train/batch_tensors.h"

namespace keel {
namespace {

// Rows of one pass.
constexpr int64_t kBatch = 64;

// A row for each caption that is asked for, those of a sample side by side.
std::vector<RowRequest> AllRows(const SampleLoader& loader, bool all_captions) {
  std::vector<RowRequest> rows;
  for (int64_t i = 0; i < loader.sample_count(); ++i) {
    const int captions =
        all_captions ? static_cast<int>(loader.sample(i).captions.size()) : 1;
    for (int caption = 0; caption < captions; ++caption) {
      rows.push_back({.sample = i, .caption = caption});
    }
  }
  return rows;
}

SampleLoader::Options LoaderOptions(const ModelConfig& model,
                                    const SampleSource& source) {
  // Every sample is read once: nothing is worth keeping.
  return {.image_size = model.vision.image_size,
          .context_length = model.text.context_length,
          .max_image_pixels = source.max_image_pixels,
          .crop_cache_bytes = 0,
          .token_cache_bytes = 0};
}

absl::Status CheckStopped(const std::function<bool()>& stop_requested) {
  return stop_requested && stop_requested()
             ? absl::CancelledError("stopped while embedding")
             : absl::OkStatus();
}

// Rows of pass `index`.
std::optional<std::vector<RowRequest>> PassOf(
    const std::vector<RowRequest>& rows, int64_t index) {
  const auto count = static_cast<int64_t>(rows.size());
  if (index * kBatch >= count) return std::nullopt;
  return std::vector<RowRequest>(
      rows.begin() + index * kBatch,
      rows.begin() + std::min(count, (index + 1) * kBatch));
}

// Collects batches of rows.
class Embedder {
 public:
  explicit Embedder(const ClipModel& model)
      : model_(model),
        images_{at::empty({0, model.config().embed_dim})},
        texts_(images_) {}

  void Add(const LoadedRows& rows) {
    if (rows.samples.empty()) return;
    const at::Device device = model_.logit_scale().device();
    std::vector<int64_t> first_rows;
    for (size_t row = 0; row < rows.samples.size(); ++row) {
      if (samples_.empty() || samples_.back() != rows.samples[row]) {
        first_rows.push_back(static_cast<int64_t>(row));
        samples_.push_back(rows.samples[row]);
      }
      image_of_text_.push_back(static_cast<int64_t>(samples_.size()) - 1);
    }
    if (!first_rows.empty()) {
      at::Tensor pixels = ImageTensor(rows, model_.config(), device);
      if (first_rows.size() < rows.samples.size()) {
        pixels = pixels.index_select(
            0, at::tensor(first_rows, at::kLong).to(device));
      }
      images_.push_back(model_.EncodeImage(pixels).cpu());
    }
    texts_.push_back(
        model_.EncodeText(TokenTensor(rows, model_.config(), device)).cpu());
  }

  EmbeddedCaptions Finish() && {
    return {{at::cat(images_), at::cat(texts_),
             at::tensor(image_of_text_, at::kLong)},
            std::move(samples_)};
  }

 private:
  const ClipModel& model_;
  std::vector<at::Tensor> images_;
  std::vector<at::Tensor> texts_;
  std::vector<int64_t> image_of_text_;
  std::vector<int64_t> samples_;
};

absl::StatusOr<EmbeddedCaptions> Embed(const ClipModel& model,
                                       const std::vector<SampleList>& samples,
                                       const SampleSource& source,
                                       bool all_captions) {
  c10::NoGradGuard no_grad;
  SampleLoader loader(LoaderOptions(model.config(), source), samples,
                      source.chunks, source.tokenizer);
  const std::vector<RowRequest> rows = AllRows(loader, all_captions);
  BatchPrefetcher batches(
      loader, [&](int64_t index) { return PassOf(rows, index); }, 2,
      source.cancelled);
  Embedder embedder(model);
  for (size_t row = 0; row < rows.size(); row += kBatch) {
    KEEL_RETURN_IF_ERROR(CheckStopped(source.stop_requested));
    KEEL_ASSIGN_OR_RETURN(const LoadedRows loaded, batches.Next());
    embedder.Add(loaded);
  }
  return std::move(embedder).Finish();
}

}  // namespace

absl::StatusOr<EmbeddedSamples> EmbedSamples(
    const ClipModel& model, const std::vector<SampleList>& samples,
    const SampleSource& source) {
  KEEL_ASSIGN_OR_RETURN(EmbeddedCaptions embedded,
                        Embed(model, samples, source, /*all_captions=*/false));
  return EmbeddedSamples{{std::move(embedded.embeddings.image),
                          std::move(embedded.embeddings.text)},
                         std::move(embedded.samples)};
}

absl::StatusOr<EmbeddedCaptions> EmbedCaptions(
    const ClipModel& model, const std::vector<SampleList>& samples,
    const SampleSource& source) {
  return Embed(model, samples, source, /*all_captions=*/true);
}

absl::StatusOr<std::vector<LoadedRows>> LoadSamples(
    const ModelConfig& model, const std::vector<SampleList>& samples,
    const SampleSource& source) {
  SampleLoader loader(LoaderOptions(model, source), samples, source.chunks,
                      source.tokenizer);
  const std::vector<RowRequest> rows = AllRows(loader, /*all_captions=*/false);
  std::vector<LoadedRows> loaded;
  for (int64_t pass = 0; const auto requests = PassOf(rows, pass); ++pass) {
    KEEL_ASSIGN_OR_RETURN(loaded.emplace_back(),
                          loader.Load(*requests, source.stop_requested));
  }
  return loaded;
}

absl::StatusOr<PairEmbeddings> EmbedRows(
    const ClipModel& model, const std::vector<LoadedRows>& rows,
    const std::function<bool()>& stop_requested) {
  c10::NoGradGuard no_grad;
  Embedder embedder(model);
  for (const LoadedRows& pass : rows) {
    KEEL_RETURN_IF_ERROR(CheckStopped(stop_requested));
    embedder.Add(pass);
  }
  EmbeddedCaptions embedded = std::move(embedder).Finish();
  return PairEmbeddings{std::move(embedded.embeddings.image),
                        std::move(embedded.embeddings.text)};
}

}  // namespace keel
