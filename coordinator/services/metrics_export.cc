#include "coordinator/services/metrics_export.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/metrics/degrees.h"
#include "common/metrics/names.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/services/drift_reader.h"
#include "coordinator/services/state_views.h"

namespace keel {
namespace {

MetricLabels With(MetricLabels labels, std::string_view name,
                  std::string_view value) {
  labels[std::string(name)] = std::string(value);
  return labels;
}

// One of a recall's six ratios.
struct RecallPoint {
  std::string_view direction;
  std::string_view k;
  double value;
};

std::vector<RecallPoint> Points(const v1::Recall& recall) {
  return {{"image_to_text", "1", recall.image_to_text_r1()},
          {"image_to_text", "5", recall.image_to_text_r5()},
          {"image_to_text", "10", recall.image_to_text_r10()},
          {"text_to_image", "1", recall.text_to_image_r1()},
          {"text_to_image", "5", recall.text_to_image_r5()},
          {"text_to_image", "10", recall.text_to_image_r10()}};
}

// The best of the checkpoints before `phase`, point by point, by probe set.
std::map<std::string, std::vector<double>> BestBefore(const StreamState& stream,
                                                      int phase) {
  std::map<std::string, std::vector<double>> all;
  for (const auto& [key, recall] : stream.recalls) {
    if (key.first >= phase) break;
    const std::vector<RecallPoint> points = Points(recall);
    std::vector<double>& best = all[key.second];
    best.resize(points.size(), 0);
    for (size_t i = 0; i < points.size(); ++i) {
      best[i] = std::max(best[i], points[i].value);
    }
  }
  return all;
}

// `best`: of earlier checkpoints; empty: there is none.
void ExportRecall(const std::string& name, const v1::Recall& recall,
                  const std::vector<double>& best, Metrics& metrics) {
  const std::vector<RecallPoint> points = Points(recall);
  for (size_t i = 0; i < points.size(); ++i) {
    MetricLabels labels = {{"stream", name},
                           {"probe", recall.probe()},
                           {"direction", std::string(points[i].direction)},
                           {"k", std::string(points[i].k)}};
    if (!best.empty()) {
      metrics.Set("keel_forgetting_ratio", best[i] - points[i].value, labels);
    }
    labels["phase"] = absl::StrCat(recall.phase());
    metrics.Set("keel_recall_ratio", points[i].value, labels);
  }
}

void ExportAngles(std::string_view name, const v1::AngleDistribution& angles,
                  const MetricLabels& labels, Metrics& metrics) {
  const std::vector<int64_t> counts(angles.counts().begin(),
                                    angles.counts().end());
  int64_t total = 0;
  for (int64_t count : counts) total += count;
  metrics.SetHistogram(name, FoldDegreeCounts(counts, DegreeBounds()),
                       angles.mean() * static_cast<double>(total), labels);
}

void ExportDrift(const std::string& stream, const v1::Drift& drift,
                 Metrics& metrics) {
  const MetricLabels base = {{"stream", stream},
                             {"phase", absl::StrCat(drift.phase())},
                             {"probe", drift.probe()},
                             {"reference", drift.reference()}};
  const MetricLabels image = With(base, "modality", "image");
  const MetricLabels text = With(base, "modality", "text");
  const MetricLabels both = With(base, "modality", "both");
  ExportAngles("keel_sd_self_angle_change_degrees",
               drift.self_angle_change_image(), image, metrics);
  ExportAngles("keel_sd_self_angle_change_degrees",
               drift.self_angle_change_text(), text, metrics);
  ExportAngles("keel_sd_rotation_degrees", drift.rotation_image(), image,
               metrics);
  ExportAngles("keel_sd_rotation_degrees", drift.rotation_text(), text,
               metrics);
  ExportAngles("keel_sd_rotation_gap_degrees", drift.rotation_gap(), both,
               metrics);
  ExportAngles("keel_sd_cross_angle_change_degrees", drift.cross_angle_change(),
               both, metrics);
  metrics.Set("keel_sd_deviation_degrees", drift.deviation_degrees(), both);
  metrics.Set("keel_sd_deviation_floor_degrees",
              drift.deviation_floor_degrees(), both);
  metrics.Set("keel_sd_residual_degrees", drift.residual_image_degrees(),
              image);
  metrics.Set("keel_sd_residual_degrees", drift.residual_text_degrees(), text);
}

void ExportDrifts(const std::string& stream, int phase, Store& store,
                  Metrics& metrics) {
  const auto drifts = ReadDrifts(store, stream, phase);
  if (!drifts.ok()) {
    LogWarning("drifts are not among the metrics",
               {{"stream", stream}, {"error", drifts.status().ToString()}});
    return;
  }
  for (const v1::Drift& drift : *drifts) ExportDrift(stream, drift, metrics);
}

void RemoveOlder(const std::string& stream, Metrics& metrics) {
  for (std::string_view name :
       {"keel_recall_ratio", "keel_forgetting_ratio",
        "keel_sd_self_angle_change_degrees", "keel_sd_rotation_degrees",
        "keel_sd_rotation_gap_degrees", "keel_sd_cross_angle_change_degrees",
        "keel_sd_deviation_degrees", "keel_sd_deviation_floor_degrees",
        "keel_sd_residual_degrees"}) {
    metrics.Remove(name, {{"stream", stream}});
  }
}

// State of the phase that the stream is at: of the oldest that is not over,
// else of the newest.
v1::Phase::State CurrentState(const StreamState& stream) {
  const int number = stream.open_phases.empty() ? stream.phases.rbegin()->first
                                                : *stream.open_phases.begin();
  return stream.phases.at(number).record.phase().state();
}

void ExportPhaseState(const StreamState& stream, Metrics& metrics) {
  if (stream.phases.empty()) return;
  const v1::Phase::State now = CurrentState(stream);
  // Those before a FAILED one go on.
  const bool blocked = stream.record.stream().state() == v1::Stream::BLOCKED;
  for (int value = v1::Phase::QUEUED; value <= v1::Phase::State_MAX; ++value) {
    const auto state = static_cast<v1::Phase::State>(value);
    const bool shown = state == now || (blocked && state == v1::Phase::FAILED);
    metrics.Set("keel_phase_state", shown ? 1 : 0,
                {{"stream", stream.record.stream().name()},
                 {"state", StateName(state)}});
  }
}

}  // namespace

void ExportGauges(const ClusterState& state, Metrics& metrics) {
  for (const auto& [name, stream] : state.streams) {
    // There from the start: increase() misses what a series begins with.
    metrics.Increment("keel_steps_committed_total", {{"stream", name}}, 0);
    int64_t samples = 0;
    for (int64_t number : stream.backlog) {
      samples += stream.chunks.at(number).chunk().samples().accepted_count();
    }
    metrics.Set("keel_backlog_samples", static_cast<double>(samples),
                {{"stream", name}});
    ExportPhaseState(stream, metrics);
  }
  std::map<v1::Worker::State, int> workers;
  for (const auto& [id, worker] : state.workers) {
    ++workers[ShowWorker(worker).state()];
  }
  for (int value = v1::Worker::IDLE; value <= v1::Worker::DRAINING; ++value) {
    const auto worker_state = static_cast<v1::Worker::State>(value);
    metrics.Set("keel_workers", workers[worker_state],
                {{"state", v1::Worker::State_Name(worker_state)}});
  }
  metrics.Set("keel_group_generation",
              static_cast<double>(state.cluster.last_generation()));
}

void ExportEvaluation(const StreamState& stream, Store& store,
                      Metrics& metrics) {
  const std::string& name = stream.record.stream().name();
  const int newest = stream.record.stream().published_phase();
  RemoveOlder(name, metrics);
  auto best = BestBefore(stream, newest);
  for (auto it = stream.recalls.lower_bound({newest, ""});
       it != stream.recalls.end() && it->first.first == newest; ++it) {
    ExportRecall(name, it->second, best[it->first.second], metrics);
  }
  ExportDrifts(name, newest, store, metrics);
  auto checkpoint = stream.checkpoints.find(newest);
  if (checkpoint == stream.checkpoints.end()) return;
  int64_t bytes = 0;
  for (const auto& file : checkpoint->second.files()) {
    bytes += file.size_bytes();
  }
  metrics.Set("keel_checkpoint_bytes", static_cast<double>(bytes),
              {{"stream", name}});
}

}  // namespace keel
