#include "worker/train/loss.h"

#include <c10/core/GradMode.h>

#include "worker/train/loss_dense.h"
#include "worker/train/loss_tiled.h"

namespace keel {
namespace {

// From this batch on tiles are faster, and need less memory
// (docs/benchmarks.md).
constexpr int64_t kTiledFrom = 1024;

}  // namespace

LossPath ResolvePath(const LossOptions& options, int64_t n) {
  if (n == 0) return LossPath::kDense;
  if (options.path != LossPath::kAuto) return options.path;
  return n >= kTiledFrom && options.kl_temperature >= kMinTiledTemperature
             ? LossPath::kTiled
             : LossPath::kDense;
}

at::Tensor LossStatistics(const GlobalEmbeddings& embeddings,
                          const at::Tensor& logit_scale, const Slice& own,
                          const LossOptions& options) {
  const c10::NoGradGuard no_grad;
  return ResolvePath(options, embeddings.image.size(0)) == LossPath::kTiled
             ? TiledStatistics(embeddings, logit_scale, own, options)
             : DenseStatistics(embeddings, own, options);
}

LossShare ComputeLossShare(const GlobalEmbeddings& embeddings,
                           const at::Tensor& logit_scale, const Slice& own,
                           const LossOptions& options,
                           const at::Tensor& statistics) {
  const c10::NoGradGuard no_grad;
  const auto share =
      ResolvePath(options, embeddings.image.size(0)) == LossPath::kTiled
          ? TiledShare
          : DenseShare;
  return share(embeddings, logit_scale, own, options, statistics);
}

}  // namespace keel
