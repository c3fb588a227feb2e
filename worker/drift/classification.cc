#include "worker/drift/classification.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "common/status_macros.h"
#include "worker/drift/embedding_check.h"
#include "worker/drift/match_ranks.h"

namespace keel {
namespace {

constexpr int64_t kRowsAtOnce = 1024;

// Of each row's right class, from 1.
absl::StatusOr<at::Tensor> ClassRanks(const at::Tensor& rows,
                                      const at::Tensor& labels,
                                      const at::Tensor& weight,
                                      const at::Tensor& bias) {
  std::vector<at::Tensor> ranks;
  for (int64_t begin = 0; begin < rows.size(0); begin += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, rows.size(0) - begin);
    const at::Tensor scores =
        at::matmul(rows.narrow(0, begin, count), weight.t()) + bias;
    if (!scores.isfinite().all().item<bool>()) {
      return absl::InvalidArgumentError("a class's score is not finite");
    }
    const at::Tensor own =
        scores.gather(1, labels.narrow(0, begin, count).unsqueeze(1));
    // The right class passes this comparison too.
    ranks.push_back(scores.ge(own - kTieTolerance).sum(1));
  }
  return at::cat(ranks);
}

double Mean(const at::Tensor& values) {
  return values.to(at::kDouble).mean().item<double>();
}

}  // namespace

absl::StatusOr<at::Tensor> ClassDirections(const at::Tensor& texts) {
  const int64_t classes = texts.size(0), templates = texts.size(1);
  KEEL_ASSIGN_OR_RETURN(
      const at::Tensor unit,
      UnitRows(texts.reshape({classes * templates, texts.size(2)}), "prompts"));
  return UnitRows(unit.view({classes, templates, -1}).mean(1), "classes");
}

absl::StatusOr<Accuracy> Classify(const at::Tensor& rows,
                                  const at::Tensor& labels,
                                  const at::Tensor& weight,
                                  const at::Tensor& bias) {
  KEEL_ASSIGN_OR_RETURN(const at::Tensor ranks,
                        ClassRanks(rows, labels, weight, bias));
  const at::Tensor hits = ranks.le(1).to(at::kDouble);
  const at::Tensor of_class =
      at::bincount(labels, {}, weight.size(0)).to(at::kDouble);
  const at::Tensor present = of_class.gt(0);
  const at::Tensor share =
      at::bincount(labels, hits, weight.size(0)) / of_class;
  return Accuracy{.samples = rows.size(0),
                  .top1 = Mean(hits),
                  .top5 = Mean(ranks.le(5)),
                  .mean_per_class = Mean(share.masked_select(present))};
}

}  // namespace keel
