#include "worker/train/step.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "worker/train/autocast.h"
#include "worker/train/batch_tensors.h"
#include "worker/train/student_pass.h"

namespace keel {
namespace {

absl::Status NonFinite(const StepOrder& order, const LossResult& loss,
                       const VoteResult& vote) {
  return WithReason(
      absl::FailedPreconditionError(
          absl::StrCat("step ", order.step, ": the loss (", loss.total,
                       ") or a gradient is not finite on ", vote.sum.non_finite,
                       " members; the step was not applied")),
      {"NON_FINITE", {{"step", absl::StrCat(order.step)}}});
}

}  // namespace

absl::StatusOr<StepOutcome> TrainStep::Run(const StepOrder& order,
                                           const LoadedRows& rows,
                                           const GroupRows& group) {
  const ModelConfig& model = parts_.student.config();
  const at::Device device = parts_.student.logit_scale().device();
  const BatchNormSyncPtr sync = MakeSync();
  parts_.reducer.Prepare(/*overlap=*/sync == nullptr);
  StudentPass student(parts_.student, parts_.config,
                      ImageTensor(rows, model, device),
                      TokenTensor(rows, model, device), sync);
  KEEL_ASSIGN_OR_RETURN(LocalFeatures features,
                        EncodeTeacher(rows, student.images()));
  student.Encode(features);
  if (sync != nullptr) KEEL_RETURN_IF_ERROR(sync->status());
  parts_.clock.End("forward");
  KEEL_ASSIGN_OR_RETURN(
      LossResult loss,
      GlobalLoss(features, parts_.student.logit_scale(), group.counts,
                 parts_.method.loss_options(), parts_.communicator));
  parts_.clock.End("loss");

  student.Backward(loss, parts_.reducer);
  if (sync != nullptr) KEEL_RETURN_IF_ERROR(sync->status());
  KEEL_RETURN_IF_ERROR(parts_.reducer.Finish());
  ZeroKeyBiasGradients(parts_.student);
  at::Tensor penalty;
  if (parts_.ewc != nullptr) penalty = parts_.ewc->Apply(order.step);
  at::Tensor finite = CheckGradients();
  if (penalty.defined()) finite = finite.logical_and(at::isfinite(penalty));
  if (!std::isfinite(loss.total)) finite = at::zeros_like(finite);
  parts_.clock.End("backward");

  KEEL_ASSIGN_OR_RETURN(
      const VoteResult vote,
      CastVote(parts_.communicator, BallotFor(order, rows), finite));
  if (penalty.defined()) {
    const double value = penalty.item<double>();
    loss.distill += value;
    loss.total += value;
  }
  parts_.clock.End("vote");

  parts_.optimizer.Step(order.learning_rate, vote.skip);
  if (sync != nullptr) sync->Commit(vote.skip);
  parts_.clock.End("optimizer");
  if (!vote.complete) return NonFinite(order, loss, vote);
  return StepOutcome{.report = Report(order, loss, vote, group),
                     .local_rows = static_cast<int64_t>(rows.samples.size()),
                     .stop = vote.sum.stop_requests > 0};
}

BatchNormSyncPtr TrainStep::MakeSync() const {
  if (!parts_.sync_batch_norm) return nullptr;
  return c10::make_intrusive<BatchNormSync>(
      [&group = parts_.communicator](const at::Tensor& tensor) {
        return group.AllReduceSum(tensor);
      });
}

absl::StatusOr<LocalFeatures> TrainStep::EncodeTeacher(
    const LoadedRows& rows, const at::Tensor& images) {
  LocalFeatures features;
  if (parts_.teacher == nullptr) return features;
  const Autocast autocast(images.device(),
                          parts_.config.precision == Precision::kBf16);
  KEEL_ASSIGN_OR_RETURN(
      Teacher::Features teacher,
      parts_.teacher->Embed(rows, images, parts_.communicator));
  features.teacher_image = std::move(teacher.image);
  features.teacher_text = std::move(teacher.text);
  features.teacher_logit_scale = parts_.teacher->model().logit_scale();
  parts_.clock.End("teacher");
  return features;
}

at::Tensor TrainStep::CheckGradients() {
  const std::vector<at::Tensor> flat = parts_.reducer.flat_gradients();
  const at::Tensor norm = GlobalNorm(flat);
  if (parts_.config.clip_grad_norm > 0) {
    ClipToNorm(flat, norm, parts_.config.clip_grad_norm);
  }
  return at::isfinite(norm);
}

Ballot TrainStep::BallotFor(const StepOrder& order,
                            const LoadedRows& rows) const {
  return {.rows = static_cast<int64_t>(rows.samples.size()),
          .hash = HashOfRows(parts_.accounting_key, order.epoch, rows),
          .stop_requests = order.stop ? 1 : 0};
}

StepReport TrainStep::Report(const StepOrder& order, const LossResult& loss,
                             const VoteResult& vote,
                             const GroupRows& group) const {
  StepReport report;
  report.step = order.step;
  report.sample_count = static_cast<int>(vote.sum.rows);
  report.hash_low = vote.sum.hash.low;
  report.hash_high = vote.sum.hash.high;
  report.struck = group.struck;
  report.loss_total = loss.total;
  report.loss_contrastive = loss.contrastive;
  report.loss_distill = loss.distill;
  report.learning_rate = order.learning_rate;
  report.logit_scale = std::exp(parts_.student.logit_scale().item<double>());
  if (loss.screened) {
    const auto rows = static_cast<double>(loss.batch_size);
    report.agreement_image = static_cast<double>(loss.kept_image) / rows;
    report.agreement_text = static_cast<double>(loss.kept_text) / rows;
  }
  return report;
}

}  // namespace keel
