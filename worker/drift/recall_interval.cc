#include "worker/drift/recall_interval.h"

#include <algorithm>

#include "common/plan/mix.h"

namespace keel {
namespace {

constexpr int kDraws = 1000;
// Positions of the 2.5th and 97.5th percentile among sorted draws.
constexpr int kLow = kDraws * 25 / 1000 - 1;
constexpr int kHigh = kDraws * 975 / 1000 - 1;

double DrawRecall(const std::vector<ImageHits>& images, uint64_t key) {
  int64_t image_hits = 0, caption_hits = 0, captions = 0;
  for (uint64_t i = 0; i < images.size(); ++i) {
    const ImageHits& drawn = images[Mix64(key + i) % images.size()];
    image_hits += drawn.image ? 1 : 0;
    caption_hits += drawn.captions_hit;
    captions += drawn.captions;
  }
  return (static_cast<double>(image_hits) / static_cast<double>(images.size()) +
          static_cast<double>(caption_hits) / static_cast<double>(captions)) /
         2;
}

}  // namespace

RecallInterval BootstrapRecall(const std::vector<ImageHits>& images,
                               int64_t seed) {
  std::vector<double> draws;
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    draws.push_back(
        DrawRecall(images, MixKey({static_cast<uint64_t>(seed), draw})));
  }
  std::sort(draws.begin(), draws.end());
  return {draws[kLow], draws[kHigh]};
}

}  // namespace keel
