#include "worker/drift/spatial_disorder.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <numbers>
#include <optional>

#include "absl/status/status.h"
#include "common/status_macros.h"
#include "worker/drift/angle_histogram.h"
#include "worker/drift/embedding_check.h"

namespace keel {
namespace {

constexpr double kDegree = 180 / std::numbers::pi;
// Rows of an N x N table of angles that are held at once.
constexpr int64_t kBlockRows = 256;
// Ridge of the Procrustes fit, relative to the mean diagonal of X'X.
constexpr double kRidge = 1e-3;

// Unit rows, float64.
struct Pairs {
  at::Tensor image;
  at::Tensor text;
};

// One modality before and after.
struct Change {
  at::Tensor before;
  at::Tensor after;
};

// Angles between the rows of `a` and those of `b`, one by one.
at::Tensor RowAngles(const at::Tensor& a, const at::Tensor& b) {
  return at::atan2((a - b).norm(2, {1}), (a + b).norm(2, {1})) * (2 * kDegree);
}

// Angles between all rows of `a` and all of `b`. The chord's length comes
// from the product, whose rounding is below 1e-6 degrees.
at::Tensor TableAngles(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor cosine = at::matmul(a, b.t());
  const at::Tensor minus = (1 - cosine).clamp_min(0).sqrt();
  const at::Tensor plus = (1 + cosine).clamp_min(0).sqrt();
  return at::atan2(minus, plus) * (2 * kDegree);
}

at::Tensor Block(const at::Tensor& x, int64_t begin) {
  return x.narrow(0, begin, std::min(kBlockRows, x.size(0) - begin));
}

AngleDistribution Describe(const at::Tensor& degrees) {
  AngleHistogram histogram;
  histogram.Add(degrees);
  return histogram.Describe();
}

using Stopped = std::function<bool()>;

absl::Status CheckStopped(const Stopped& stopped) {
  return stopped && stopped() ? absl::CancelledError("stopped")
                              : absl::OkStatus();
}

absl::StatusOr<AngleDistribution> SelfAngleChange(const Change& x,
                                                  const Stopped& stopped) {
  AngleHistogram histogram;
  for (int64_t begin = 0; begin < x.before.size(0); begin += kBlockRows) {
    KEEL_RETURN_IF_ERROR(CheckStopped(stopped));
    const at::Tensor change = (TableAngles(Block(x.after, begin), x.after) -
                               TableAngles(Block(x.before, begin), x.before))
                                  .abs_();
    const at::Tensor above = at::ones_like(change, at::kBool).triu(begin + 1);
    histogram.Add(change.masked_select(above));
  }
  return histogram.Describe();
}

absl::StatusOr<AngleDistribution> CrossAngleChange(const Pairs& before,
                                                   const Pairs& after,
                                                   const Stopped& stopped) {
  AngleHistogram histogram;
  for (int64_t begin = 0; begin < before.image.size(0); begin += kBlockRows) {
    KEEL_RETURN_IF_ERROR(CheckStopped(stopped));
    histogram.Add((TableAngles(Block(after.image, begin), after.text) -
                   TableAngles(Block(before.image, begin), before.text))
                      .abs_());
  }
  return histogram.Describe();
}

// The rotation R that brings `before` R nearest to `after`.
at::Tensor BestRotation(const Change& x) {
  const auto n = static_cast<double>(x.before.size(0));
  const int64_t d = x.before.size(1);
  const at::Tensor ridge =
      at::eye(d, at::kDouble) * (kRidge * n / static_cast<double>(d));
  const auto [u, s, vt] =
      at::linalg_svd(at::matmul(x.before.t(), x.after) + ridge, false);
  return at::matmul(u, vt);
}

double MeanAngle(const at::Tensor& a, const at::Tensor& b) {
  return RowAngles(a, b).mean().item<double>();
}

// What noise alone gives as deviation: two fits of one modality, on the even
// and on the odd rows.
double DeviationFloor(const Change& x) {
  const auto half = [&x](int64_t start) {
    return BestRotation({x.before.slice(0, start, std::nullopt, 2),
                         x.after.slice(0, start, std::nullopt, 2)});
  };
  return MeanAngle(at::matmul(x.before, half(0)),
                   at::matmul(x.before, half(1)));
}

absl::StatusOr<Pairs> Prepare(const PairEmbeddings& embeddings) {
  Pairs pairs;
  KEEL_ASSIGN_OR_RETURN(pairs.image, UnitRows(embeddings.image, "images"));
  KEEL_ASSIGN_OR_RETURN(pairs.text, UnitRows(embeddings.text, "texts"));
  if (pairs.image.size(0) < 2) {
    return absl::InvalidArgumentError(
        "spatial disorder needs at least two pairs");
  }
  return pairs;
}

void MeasureRotations(const Change& image, const Change& text,
                      DriftResult& result) {
  const at::Tensor turned_image = RowAngles(image.before, image.after);
  const at::Tensor turned_text = RowAngles(text.before, text.after);
  result.rotation_image = Describe(turned_image);
  result.rotation_text = Describe(turned_text);
  result.rotation_gap = Describe((turned_image - turned_text).abs());
}

absl::Status MeasureFits(const Change& image, const Change& text,
                         const Stopped& stopped, DriftResult& result) {
  const at::Tensor fitted_image = at::matmul(image.before, BestRotation(image));
  KEEL_RETURN_IF_ERROR(CheckStopped(stopped));
  const at::Tensor text_rotation = BestRotation(text);
  KEEL_RETURN_IF_ERROR(CheckStopped(stopped));
  result.deviation_degrees =
      MeanAngle(fitted_image, at::matmul(image.before, text_rotation));
  result.deviation_floor_degrees = DeviationFloor(image);
  result.deviation_reliable =
      FitIsReliable(image.before.size(0), image.before.size(1));
  result.residual_image_degrees = MeanAngle(fitted_image, image.after);
  result.residual_text_degrees =
      MeanAngle(at::matmul(text.before, text_rotation), text.after);
  return absl::OkStatus();
}

// Both checkpoints' embeddings, one by modality.
struct Changes {
  Change image;
  Change text;
};

absl::StatusOr<Changes> PrepareBoth(const PairEmbeddings& reference,
                                    const PairEmbeddings& current) {
  KEEL_ASSIGN_OR_RETURN(const Pairs before, Prepare(reference));
  KEEL_ASSIGN_OR_RETURN(const Pairs after, Prepare(current));
  if (before.image.sizes() != before.text.sizes() ||
      before.image.sizes() != after.image.sizes() ||
      before.image.sizes() != after.text.sizes()) {
    return absl::InvalidArgumentError("the embeddings differ in shape");
  }
  return Changes{{before.image, after.image}, {before.text, after.text}};
}

absl::StatusOr<DriftResult> MeasureAngles(const Changes& x,
                                          const Stopped& stopped) {
  DriftResult result;
  result.sample_count = x.image.before.size(0);
  KEEL_ASSIGN_OR_RETURN(result.self_angle_change_image,
                        SelfAngleChange(x.image, stopped));
  KEEL_ASSIGN_OR_RETURN(result.self_angle_change_text,
                        SelfAngleChange(x.text, stopped));
  KEEL_ASSIGN_OR_RETURN(
      result.cross_angle_change,
      CrossAngleChange({x.image.before, x.text.before},
                       {x.image.after, x.text.after}, stopped));
  MeasureRotations(x.image, x.text, result);
  return result;
}

}  // namespace

bool FitIsReliable(int64_t pairs, int64_t width) { return pairs >= 2 * width; }

absl::StatusOr<DriftResult> MeasureSpatialDisorder(
    const PairEmbeddings& reference, const PairEmbeddings& current,
    const std::function<bool()>& stopped) {
  const c10::NoGradGuard no_grad;
  KEEL_ASSIGN_OR_RETURN(const Changes changes, PrepareBoth(reference, current));
  KEEL_ASSIGN_OR_RETURN(DriftResult result, MeasureAngles(changes, stopped));
  KEEL_RETURN_IF_ERROR(
      MeasureFits(changes.image, changes.text, stopped, result));
  return result;
}

absl::StatusOr<DriftResult> MeasureAngleChanges(
    const PairEmbeddings& reference, const PairEmbeddings& current,
    const std::function<bool()>& stopped) {
  const c10::NoGradGuard no_grad;
  KEEL_ASSIGN_OR_RETURN(const Changes changes, PrepareBoth(reference, current));
  return MeasureAngles(changes, stopped);
}

}  // namespace keel
