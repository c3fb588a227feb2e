#include "common/metrics/names.h"

namespace keel {
namespace {

using Table = std::vector<MetricSpec>;
using enum MetricKind;

// Seconds, for what takes from a millisecond to a minute.
const std::vector<double>& FastBounds() {
  static const auto* const bounds = new std::vector<double>{
      .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
  return *bounds;
}

// Seconds, for what takes from 10 milliseconds to half an hour.
const std::vector<double>& SlowBounds() {
  static const auto* const bounds = new std::vector<double>{
      .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800};
  return *bounds;
}

// Labels of a measure of spatial disorder.
const std::vector<std::string_view>& DriftLabels() {
  static const auto* const labels = new std::vector<std::string_view>{
      "stream", "phase", "probe", "modality", "reference"};
  return *labels;
}

Table Evaluation() {
  return {
      {"keel_sd_self_angle_change_degrees", kHistogram, DriftLabels(),
       "Change of the angle between two samples of one modality.",
       DegreeBounds()},
      {"keel_sd_rotation_degrees", kHistogram, DriftLabels(),
       "Angle between a sample's embeddings before and after.", DegreeBounds()},
      {"keel_sd_rotation_gap_degrees", kHistogram, DriftLabels(),
       "Difference between an image's rotation and its caption's.",
       DegreeBounds()},
      {"keel_sd_cross_angle_change_degrees", kHistogram, DriftLabels(),
       "Change of the angle between an image and a caption.", DegreeBounds()},
      {"keel_sd_deviation_degrees", kGauge, DriftLabels(),
       "How far the best-fit rotations of the two modalities differ."},
      {"keel_sd_deviation_floor_degrees", kGauge, DriftLabels(),
       "The deviation that fit noise alone gives."},
      {"keel_sd_residual_degrees", kGauge, DriftLabels(),
       "Mean angle of the part of the change that is no rotation."},
      {"keel_recall_ratio",
       kGauge,
       {"stream", "phase", "probe", "direction", "k"},
       "Share of queries whose match is among the first k."},
      {"keel_forgetting_ratio",
       kGauge,
       {"stream", "probe", "direction", "k"},
       "Best earlier recall of a probe set minus the newest one."},
  };
}

Table Concat(Table first, const Table& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Table Coordinator() {
  return {
      {"keel_chunks_total",
       kCounter,
       {"result"},
       "Chunks submitted, by result."},
      {"keel_samples_total",
       kCounter,
       {"result"},
       "Samples submitted, by result."},
      {"keel_ingest_bytes_total", kCounter, {}, "Bytes of chunks received."},
      {"keel_backlog_samples",
       kGauge,
       {"stream"},
       "Accepted samples that are in no phase yet."},
      {"keel_phase_state",
       kGauge,
       {"stream", "state"},
       "1 for the state of the phase that the stream is at, else 0."},
      {"keel_workers",
       kGauge,
       {"state"},
       "Workers that are attached, by state."},
      {"keel_group_generation",
       kGauge,
       {},
       "Generation of the newest group of workers."},
      {"keel_recovery_duration_seconds",
       kHistogram,
       {"stage"},
       "Time from the loss of a member to the next step, by stage.",
       SlowBounds(),
       {"detect", "form", "first_step"}},
      {"keel_steps_committed_total",
       kCounter,
       {"stream"},
       "Optimizer steps whose vote was complete."},
      {"keel_steps_retried_total",
       kCounter,
       {"reason"},
       "Optimizer steps run again, by reason.",
       {},
       {"resume_point"}},
      {"keel_checkpoint_write_seconds",
       kHistogram,
       {},
       "Time to take in and publish a checkpoint or resume point.",
       SlowBounds()},
      {"keel_checkpoint_bytes",
       kGauge,
       {"stream"},
       "Size of the newest published checkpoint."},
      {"keel_rpc_duration_seconds",
       kHistogram,
       {"method", "code"},
       "Time to answer a call, by method and code.",
       FastBounds()},
  };
}

Table Worker() {
  return {
      {"keel_samples_trained_total",
       kCounter,
       {},
       "Rows of this worker that entered a committed step."},
      {"keel_step_duration_seconds",
       kHistogram,
       {"stage"},
       "Time of an optimizer step, by stage.",
       FastBounds()},
      {"keel_loss",
       kGauge,
       {"kind"},
       "Loss of the newest step, by kind: total, contrastive, and distill, the "
       "method's own term."},
      {"keel_logit_scale",
       kGauge,
       {},
       "The learned factor on cosines (the inverse temperature)."},
      {"keel_teacher_agreement_ratio",
       kGauge,
       {"direction"},
       "Share of rows that screening kept, by direction."},
      {"keel_learning_rate", kGauge, {}, "Learning rate of the newest step."},
      {"keel_sd_live_degrees",
       kGauge,
       {"measure", "modality", "stat"},
       "Spatial disorder against the parent while a phase trains, on a few "
       "probe samples."},
      {"keel_allreduce_bytes_total",
       kCounter,
       {},
       "Bytes of gradients that this worker reduced with its group."},
      {"keel_data_wait_seconds_total",
       kCounter,
       {},
       "Time that steps waited for decoded samples."},
      {"keel_device_memory_bytes",
       kGauge,
       {},
       "Memory that the device's allocator holds."},
  };
}

}  // namespace

const std::vector<double>& DegreeBounds() {
  static const auto* const bounds =
      new std::vector<double>{1, 2, 3, 5, 10, 15, 20, 25, 30, 45, 60, 90, 180};
  return *bounds;
}

const std::vector<MetricSpec>& EvaluationMetrics() {
  static const auto* const table = new Table(Evaluation());
  return *table;
}

const std::vector<MetricSpec>& CoordinatorOwnMetrics() {
  static const auto* const table = new Table(Coordinator());
  return *table;
}

const std::vector<MetricSpec>& WorkerOwnMetrics() {
  static const auto* const table = new Table(Worker());
  return *table;
}

const std::vector<MetricSpec>& CoordinatorMetrics() {
  static const auto* const table =
      new Table(Concat(CoordinatorOwnMetrics(), EvaluationMetrics()));
  return *table;
}

const std::vector<MetricSpec>& WorkerMetrics() {
  static const auto* const table =
      new Table(Concat(WorkerOwnMetrics(), EvaluationMetrics()));
  return *table;
}

const MetricSpec* FindMetric(std::string_view name) {
  for (const Table* table :
       {&CoordinatorOwnMetrics(), &WorkerOwnMetrics(), &EvaluationMetrics()}) {
    for (const MetricSpec& spec : *table) {
      if (spec.name == name) return &spec;
    }
  }
  return nullptr;
}

}  // namespace keel
