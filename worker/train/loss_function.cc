#include "worker/train/loss_function.h"

#include <c10/core/GradMode.h>

#include <numeric>
#include <utility>

#include "common/status_macros.h"
#include "worker/train/distill_loss.h"
#include "worker/train/loss_terms.h"

namespace keel {
namespace {

// Vectors by their lengths and directions.
struct Polar {
  at::Tensor unit;
  at::Tensor length;  // [n, 1]
};

// The loss is computed in fp32 or better, whatever the encoders' precision.
at::Tensor Widen(const at::Tensor& x) {
  const at::Tensor plain = x.detach();
  return at::isReducedFloatingType(plain.scalar_type()) ? plain.to(at::kFloat)
                                                        : plain;
}

Polar ToPolar(const at::Tensor& features) {
  const at::Tensor wide = Widen(features);
  const at::Tensor length = wide.norm(2, {1}, true).clamp_min(1e-12);
  return {wide / length, length};
}

// The gradient by the vectors, from that by their directions.
at::Tensor ThroughNormalisation(const Polar& polar,
                                const at::Tensor& gradient) {
  const at::Tensor along = (gradient * polar.unit).sum(1, true);
  return (gradient - polar.unit * along) / polar.length;
}

// Gathers all embeddings in one collective.
absl::StatusOr<GlobalEmbeddings> Gather(const Polar& image, const Polar& text,
                                        const LocalFeatures& features,
                                        const std::vector<int64_t>& rows,
                                        Communicator& communicator) {
  std::vector<at::Tensor> parts = {image.unit, text.unit};
  if (features.teacher_image.defined()) {
    parts.push_back(ToPolar(features.teacher_image).unit);
    parts.push_back(ToPolar(features.teacher_text).unit);
  }
  KEEL_ASSIGN_OR_RETURN(const at::Tensor all,
                        communicator.AllGatherRows(at::cat(parts, 1), rows));
  const int64_t dim = image.unit.size(1);
  const auto part = [&](int64_t i) {
    return all.narrow(1, i * dim, dim).contiguous();
  };
  GlobalEmbeddings embeddings{part(0), part(1)};
  if (parts.size() == 4) {
    embeddings.teacher_image = part(2);
    embeddings.teacher_text = part(3);
  }
  return embeddings;
}

// Both passes of the loss, with the group's sum between them.
absl::StatusOr<LossShare> ShareOf(const GlobalEmbeddings& embeddings,
                                  const at::Tensor& logit_scale,
                                  const Slice& own, const LossOptions& options,
                                  Communicator& communicator) {
  const at::Tensor statistics =
      LossStatistics(embeddings, logit_scale, own, options);
  if (statistics.numel() > 0) {
    KEEL_RETURN_IF_ERROR(communicator.AllReduceSum(statistics));
  }
  return ComputeLossShare(embeddings, logit_scale, own, options, statistics);
}

// Fills the batch's values from every member's share.
absl::Status SumValues(const LossShare& share, const at::Tensor& like,
                       Communicator& communicator, LossResult& result) {
  const double kept_image = static_cast<double>(share.kept_image);
  const double kept_text = static_cast<double>(share.kept_text);
  at::Tensor values = at::tensor({share.contrastive, share.distill, share.total,
                                  kept_image, kept_text},
                                 at::kDouble)
                          .to(like.device());
  KEEL_RETURN_IF_ERROR(communicator.AllReduceSum(values));
  const at::Tensor read = values.to(at::kCPU);
  const double* value = read.const_data_ptr<double>();
  result.contrastive = value[0];
  result.distill = value[1];
  result.total = value[2];
  result.kept_image = static_cast<int64_t>(value[3]);
  result.kept_text = static_cast<int64_t>(value[4]);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LossResult> GlobalLoss(const LocalFeatures& features,
                                      const at::Tensor& logit_scale,
                                      const std::vector<int64_t>& rows,
                                      const LossOptions& options,
                                      Communicator& communicator) {
  const c10::NoGradGuard no_grad;
  const Polar image = ToPolar(features.image);
  const Polar text = ToPolar(features.text);
  KEEL_ASSIGN_OR_RETURN(const GlobalEmbeddings all,
                        Gather(image, text, features, rows, communicator));
  const int64_t begin = std::accumulate(
      rows.begin(), rows.begin() + communicator.rank(), int64_t{0});
  const int64_t count = rows[communicator.rank()];
  const Slice own{begin, begin + count};
  KEEL_ASSIGN_OR_RETURN(LossShare share,
                        ShareOf(all, logit_scale, own, options, communicator));
  if (options.logit_alpha != 0 && all.teacher_image.defined()) {
    AddDistillShare(all, logit_scale, features.teacher_logit_scale, own,
                    options.logit_alpha, share);
  }

  at::Tensor gradients = at::cat({share.grad_image, share.grad_text}, 1);
  KEEL_RETURN_IF_ERROR(communicator.AllReduceSum(gradients));
  const std::vector<at::Tensor> by_own =
      gradients.narrow(0, begin, count).chunk(2, 1);
  LossResult result;
  result.batch_size = all.image.size(0);
  result.screened =
      Aligns(all, options) && options.screening != Screening::kNone;
  result.grad_image =
      ThroughNormalisation(image, by_own[0]).to(features.image.scalar_type());
  result.grad_text =
      ThroughNormalisation(text, by_own[1]).to(features.text.scalar_type());
  result.grad_logit_scale = share.grad_logit_scale.reshape(logit_scale.sizes())
                                .to(logit_scale.scalar_type());
  KEEL_RETURN_IF_ERROR(SumValues(share, all.image, communicator, result));
  return result;
}

}  // namespace keel
