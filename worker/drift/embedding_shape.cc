#include "worker/drift/embedding_shape.h"

#include <cmath>

namespace keel {

double ModalityGap(const at::Tensor& image, const at::Tensor& text) {
  return (image.mean(0) - text.mean(0)).norm().item<double>();
}

double EffectiveRank(const at::Tensor& rows) {
  const at::Tensor values = at::linalg_svdvals(rows);
  const at::Tensor share = values / values.sum();
  return std::exp(-at::xlogy(share, share).sum().item<double>());
}

}  // namespace keel
