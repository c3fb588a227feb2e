#include "worker/drift/embedding_check.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace keel {

absl::StatusOr<at::Tensor> UnitRows(const at::Tensor& embeddings,
                                    const char* what) {
  if (embeddings.dim() != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": not a table of embeddings"));
  }
  const at::Tensor wide = embeddings.detach().to(at::kCPU, at::kDouble);
  const at::Tensor length = wide.norm(2, {1}, true);
  const at::Tensor good = length.isfinite().logical_and(length.gt(0));
  if (!good.all().item<bool>()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": an embedding is not finite or has no direction"));
  }
  return wide / length;
}

}  // namespace keel
