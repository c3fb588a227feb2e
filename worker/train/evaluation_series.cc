#include "worker/train/evaluation_series.h"

#include <numeric>

#include "absl/strings/str_cat.h"
#include "common/metrics/degrees.h"
#include "common/metrics/names.h"

namespace keel {
namespace {

constexpr char kRecall[] = "keel_recall_ratio";
constexpr char kSelfAngle[] = "keel_sd_self_angle_change_degrees";
constexpr char kRotation[] = "keel_sd_rotation_degrees";
constexpr char kGap[] = "keel_sd_rotation_gap_degrees";
constexpr char kCrossAngle[] = "keel_sd_cross_angle_change_degrees";
constexpr char kDeviation[] = "keel_sd_deviation_degrees";
constexpr char kFloor[] = "keel_sd_deviation_floor_degrees";
constexpr char kResidual[] = "keel_sd_residual_degrees";

MetricLabels With(MetricLabels labels, const char* name,
                  const std::string& value) {
  labels[name] = value;
  return labels;
}

void ExportDirection(const double (&ratios)[3], const MetricLabels& labels,
                     Metrics& metrics) {
  const char* const k[] = {"1", "5", "10"};
  for (int i = 0; i < 3; ++i) {
    metrics.Set(kRecall, ratios[i], With(labels, "k", k[i]));
  }
}

void ExportAngles(const char* name, const AngleDistribution& angles,
                  const MetricLabels& labels, Metrics& metrics) {
  const int64_t total =
      std::accumulate(angles.counts.begin(), angles.counts.end(), int64_t{0});
  metrics.SetHistogram(name, FoldDegreeCounts(angles.counts, DegreeBounds()),
                       angles.mean * static_cast<double>(total), labels);
}

void ExportRecall(const std::string& stream, const RecallResult& result,
                  Metrics& metrics) {
  const MetricLabels labels = {{"stream", stream},
                               {"phase", absl::StrCat(result.phase)},
                               {"probe", result.probe}};
  ExportDirection(result.image_to_text,
                  With(labels, "direction", "image_to_text"), metrics);
  ExportDirection(result.text_to_image,
                  With(labels, "direction", "text_to_image"), metrics);
}

void ExportDrift(const std::string& stream, const DriftResult& drift,
                 Metrics& metrics) {
  const MetricLabels base = {{"stream", stream},
                             {"phase", absl::StrCat(drift.phase)},
                             {"probe", drift.probe},
                             {"reference", drift.reference}};
  const MetricLabels image = With(base, "modality", "image");
  const MetricLabels text = With(base, "modality", "text");
  const MetricLabels both = With(base, "modality", "both");
  ExportAngles(kSelfAngle, drift.self_angle_change_image, image, metrics);
  ExportAngles(kSelfAngle, drift.self_angle_change_text, text, metrics);
  ExportAngles(kRotation, drift.rotation_image, image, metrics);
  ExportAngles(kRotation, drift.rotation_text, text, metrics);
  ExportAngles(kGap, drift.rotation_gap, both, metrics);
  ExportAngles(kCrossAngle, drift.cross_angle_change, both, metrics);
  metrics.Set(kDeviation, drift.deviation_degrees, both);
  metrics.Set(kFloor, drift.deviation_floor_degrees, both);
  metrics.Set(kResidual, drift.residual_image_degrees, image);
  metrics.Set(kResidual, drift.residual_text_degrees, text);
}

}  // namespace

void EvaluationSeries::Drop() {
  for (const char* name : {kRecall, kSelfAngle, kRotation, kGap, kCrossAngle,
                           kDeviation, kFloor, kResidual}) {
    metrics_.Remove(name, {});
  }
  phase_ = -1;
}

void EvaluationSeries::BeginTraining(const std::string& stream, int parent) {
  if (stream != stream_ || parent != phase_) Drop();
}

void EvaluationSeries::BeginMeasuring(const std::string& stream, int phase) {
  if (stream == stream_ && phase <= phase_) return;
  Drop();
  stream_ = stream;
  phase_ = phase;
}

void EvaluationSeries::Show(const std::vector<RecallResult>& results) {
  for (const RecallResult& result : results) {
    if (result.phase == phase_) ExportRecall(stream_, result, metrics_);
  }
}

void EvaluationSeries::Show(const std::vector<DriftResult>& results) {
  for (const DriftResult& drift : results) {
    if (drift.phase == phase_) ExportDrift(stream_, drift, metrics_);
  }
}

}  // namespace keel
