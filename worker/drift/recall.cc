#include "worker/drift/recall.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "common/status_macros.h"
#include "worker/drift/embedding_check.h"

namespace keel {
namespace {

constexpr int64_t kQueryRows = 256;
constexpr double kTieTolerance = 1e-6;
constexpr int64_t kCutoffs[] = {1, 5, 10};

// Keys that stand before each query's own, [N] int64.
at::Tensor Ahead(const at::Tensor& query, const at::Tensor& key) {
  std::vector<at::Tensor> ahead;
  for (int64_t begin = 0; begin < query.size(0); begin += kQueryRows) {
    const int64_t count = std::min(kQueryRows, query.size(0) - begin);
    const at::Tensor cosine =
        at::matmul(query.narrow(0, begin, count), key.t());
    const at::Tensor own = cosine.narrow(1, begin, count).diagonal();
    // The own key passes this comparison too.
    ahead.push_back(cosine.ge((own - kTieTolerance).unsqueeze(1)).sum(1) - 1);
  }
  return at::cat(ahead);
}

void FillRecall(const at::Tensor& ahead, double (&recall)[3]) {
  for (int i = 0; i < 3; ++i) {
    recall[i] = ahead.lt(kCutoffs[i]).sum().item<double>() /
                static_cast<double>(ahead.size(0));
  }
}

}  // namespace

absl::StatusOr<RecallResult> MeasureRecall(const PairEmbeddings& embeddings) {
  const c10::NoGradGuard no_grad;
  KEEL_ASSIGN_OR_RETURN(const at::Tensor image,
                        UnitRows(embeddings.image, "images"));
  KEEL_ASSIGN_OR_RETURN(const at::Tensor text,
                        UnitRows(embeddings.text, "texts"));
  if (image.size(0) == 0 || image.sizes() != text.sizes()) {
    return absl::InvalidArgumentError(
        "recall needs as many images as texts, and at least one");
  }
  RecallResult result;
  result.sample_count = image.size(0);
  FillRecall(Ahead(image, text), result.image_to_text);
  FillRecall(Ahead(text, image), result.text_to_image);
  return result;
}

}  // namespace keel
