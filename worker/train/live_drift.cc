#include "worker/train/live_drift.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "common/status_macros.h"

namespace keel {
namespace {

constexpr char kLive[] = "keel_sd_live_degrees";

void Export(const char* measure, const char* modality, const char* stat,
            double degrees, Metrics& metrics) {
  metrics.Set(kLive, degrees,
              {{"measure", measure}, {"modality", modality}, {"stat", stat}});
}

void Export(const char* measure, const char* modality,
            const AngleDistribution& angles, Metrics& metrics) {
  Export(measure, modality, "mean", angles.mean, metrics);
  Export(measure, modality, "p95", angles.p95, metrics);
}

void ExportFits(const DriftResult& drift, Metrics& metrics) {
  Export("deviation", "both", "mean", drift.deviation_degrees, metrics);
  Export("deviation_floor", "both", "mean", drift.deviation_floor_degrees,
         metrics);
  Export("residual", "image", "mean", drift.residual_image_degrees, metrics);
  Export("residual", "text", "mean", drift.residual_text_degrees, metrics);
}

}  // namespace

std::vector<SampleList> FixedSample(const std::vector<SampleList>& samples,
                                    int count) {
  std::vector<std::string> digests;
  for (const SampleList& list : samples) {
    for (const SampleRef& sample : list.samples) {
      digests.push_back(sample.image_digest);
    }
  }
  std::sort(digests.begin(), digests.end());
  digests.resize(std::min<size_t>(digests.size(), count));
  std::multiset<std::string> left(digests.begin(), digests.end());
  std::vector<SampleList> chosen;
  for (const SampleList& list : samples) {
    SampleList part{list.chunk_digest, {}};
    for (const SampleRef& sample : list.samples) {
      const auto found = left.find(sample.image_digest);
      if (found == left.end()) continue;
      left.erase(found);
      part.samples.push_back(sample);
    }
    if (!part.samples.empty()) chosen.push_back(std::move(part));
  }
  return chosen;
}

absl::StatusOr<std::unique_ptr<LiveDrift>> LiveDrift::Create(
    const ClipModel& parent, const std::vector<SampleList>& samples,
    const SampleSource& source) {
  KEEL_ASSIGN_OR_RETURN(std::vector<LoadedRows> rows,
                        LoadSamples(parent.config(), samples, source));
  KEEL_ASSIGN_OR_RETURN(PairEmbeddings reference,
                        EmbedRows(parent, rows, source.stop_requested));
  if (reference.image.size(0) < 2) {
    return absl::InvalidArgumentError("fewer than two probe samples decode");
  }
  return std::unique_ptr<LiveDrift>(
      new LiveDrift(std::move(rows), std::move(reference)));
}

absl::Status LiveDrift::Measure(const ClipModel& student, Metrics& metrics,
                                const std::function<bool()>& stopped) const {
  KEEL_ASSIGN_OR_RETURN(const PairEmbeddings current,
                        EmbedRows(student, rows_, stopped));
  const bool fits =
      FitIsReliable(reference_.image.size(0), reference_.image.size(1));
  KEEL_ASSIGN_OR_RETURN(
      const DriftResult drift,
      fits ? MeasureSpatialDisorder(reference_, current, stopped)
           : MeasureAngleChanges(reference_, current, stopped));
  Export("cross_angle_change", "both", drift.cross_angle_change, metrics);
  Export("rotation_gap", "both", drift.rotation_gap, metrics);
  Export("rotation", "image", drift.rotation_image, metrics);
  Export("rotation", "text", drift.rotation_text, metrics);
  Export("self_angle_change", "image", drift.self_angle_change_image, metrics);
  Export("self_angle_change", "text", drift.self_angle_change_text, metrics);
  if (fits) ExportFits(drift, metrics);
  return absl::OkStatus();
}

void LiveDrift::Remove(Metrics& metrics) { metrics.Remove(kLive, {}); }

}  // namespace keel
