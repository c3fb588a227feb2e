#include "worker/drift/recall.h"

#include <c10/core/GradMode.h>

#include <utility>

#include "absl/status/status.h"
#include "common/status_macros.h"
#include "worker/drift/embedding_check.h"
#include "worker/drift/embedding_shape.h"
#include "worker/drift/match_ranks.h"
#include "worker/drift/recall_interval.h"

namespace keel {
namespace {

constexpr int64_t kCutoffs[] = {1, 5, 10};
// Most cosines of the gallery of all sets together.
constexpr double kMaxPoolCosines = 1e9;

absl::StatusOr<CaptionedEmbeddings> Prepare(const CaptionedEmbeddings& set) {
  CaptionedEmbeddings unit;
  KEEL_ASSIGN_OR_RETURN(unit.image, UnitRows(set.image, "images"));
  KEEL_ASSIGN_OR_RETURN(unit.text, UnitRows(set.text, "texts"));
  unit.image_of_text = set.image_of_text.to(at::kCPU, at::kLong).contiguous();
  const int64_t images = unit.image.size(0);
  if (images == 0 || unit.image.size(1) != unit.text.size(1) ||
      unit.image_of_text.dim() != 1 ||
      unit.image_of_text.size(0) != unit.text.size(0)) {
    return absl::InvalidArgumentError(
        "recall needs at least one image, and for each text its image");
  }
  if (unit.text.size(0) == 0 || unit.image_of_text.lt(0).any().item<bool>() ||
      unit.image_of_text.ge(images).any().item<bool>() ||
      at::bincount(unit.image_of_text, {}, images).eq(0).any().item<bool>()) {
    return absl::InvalidArgumentError(
        "recall: a text of no image, or an image without a text");
  }
  return unit;
}

void FillRecall(const at::Tensor& ranks, double (&recall)[3]) {
  for (int i = 0; i < 3; ++i) {
    recall[i] = ranks.le(kCutoffs[i]).to(at::kDouble).mean().item<double>();
  }
}

RankSummary Summarize(const at::Tensor& ranks) {
  const at::Tensor sorted = std::get<0>(ranks.to(at::kDouble).sort());
  const int64_t count = sorted.size(0);
  return {.median =
              (sorted[(count - 1) / 2] + sorted[count / 2]).item<double>() / 2,
          .mean = sorted.mean().item<double>()};
}

std::vector<ImageHits> HitsAtFive(const MatchRanks& ranks,
                                  const at::Tensor& image_of_text) {
  const at::Tensor image = ranks.image.contiguous();
  const at::Tensor text = ranks.text.contiguous();
  std::vector<ImageHits> hits(image.size(0));
  for (size_t i = 0; i < hits.size(); ++i) {
    hits[i] = {image.const_data_ptr<int64_t>()[i] <= 5, 0, 0};
  }
  for (int64_t j = 0; j < text.size(0); ++j) {
    ImageHits& own = hits[image_of_text.const_data_ptr<int64_t>()[j]];
    ++own.captions;
    if (text.const_data_ptr<int64_t>()[j] <= 5) ++own.captions_hit;
  }
  return hits;
}

RecallResult Describe(const CaptionedEmbeddings& unit, const MatchRanks& ranks,
                      int64_t seed) {
  RecallResult result;
  result.sample_count = unit.image.size(0);
  result.caption_count = unit.text.size(0);
  FillRecall(ranks.image, result.image_to_text);
  FillRecall(ranks.text, result.text_to_image);
  result.image_to_text_rank = Summarize(ranks.image);
  result.text_to_image_rank = Summarize(ranks.text);
  const RecallInterval interval =
      BootstrapRecall(HitsAtFive(ranks, unit.image_of_text), seed);
  result.recall5_low = interval.low;
  result.recall5_high = interval.high;
  result.modality_gap = ModalityGap(unit.image, unit.text);
  result.effective_rank_image = EffectiveRank(unit.image);
  result.effective_rank_text = EffectiveRank(unit.text);
  return result;
}

CaptionedEmbeddings Join(const std::vector<CaptionedEmbeddings>& sets) {
  std::vector<at::Tensor> image, text, image_of_text;
  int64_t images = 0;
  for (const CaptionedEmbeddings& set : sets) {
    image.push_back(set.image);
    text.push_back(set.text);
    image_of_text.push_back(set.image_of_text + images);
    images += set.image.size(0);
  }
  return {at::cat(image), at::cat(text), at::cat(image_of_text)};
}

absl::Status AddPooled(const std::vector<CaptionedEmbeddings>& sets,
                       const RecallOptions& options,
                       std::vector<RecallResult>& results) {
  double images = 0, texts = 0;
  for (const CaptionedEmbeddings& set : sets) {
    images += static_cast<double>(set.image.size(0));
    texts += static_cast<double>(set.text.size(0));
    if (set.image.size(1) != sets[0].image.size(1)) {
      return absl::InvalidArgumentError("probe sets of different widths");
    }
  }
  if (images * texts > kMaxPoolCosines) return absl::OkStatus();
  KEEL_ASSIGN_OR_RETURN(const MatchRanks all,
                        RankMatches(Join(sets), options.stopped));
  int64_t image = 0, text = 0;
  for (RecallResult& result : results) {
    result.pool_sample_count = all.image.size(0);
    FillRecall(all.image.narrow(0, image, result.sample_count),
               result.pooled_image_to_text);
    FillRecall(all.text.narrow(0, text, result.caption_count),
               result.pooled_text_to_image);
    image += result.sample_count;
    text += result.caption_count;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<RecallResult>> MeasureRecall(
    const std::vector<CaptionedEmbeddings>& sets,
    const RecallOptions& options) {
  const c10::NoGradGuard no_grad;
  std::vector<CaptionedEmbeddings> units;
  std::vector<RecallResult> results;
  for (const CaptionedEmbeddings& set : sets) {
    KEEL_ASSIGN_OR_RETURN(units.emplace_back(), Prepare(set));
    KEEL_ASSIGN_OR_RETURN(const MatchRanks ranks,
                          RankMatches(units.back(), options.stopped));
    results.push_back(Describe(units.back(), ranks, options.seed));
  }
  if (!sets.empty()) {
    KEEL_RETURN_IF_ERROR(AddPooled(units, options, results));
  }
  return results;
}

}  // namespace keel
