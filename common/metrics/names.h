// Every metric that Keel's processes export (docs/metrics.md). Durations are
// in seconds, angles in degrees. The server adds keel_build_info and the
// usual process_* metrics (common/metrics/process_metrics.h).
#ifndef KEEL_COMMON_METRICS_NAMES_H_
#define KEEL_COMMON_METRICS_NAMES_H_

#include <string_view>
#include <vector>

#include "common/metrics/registry.h"

namespace keel {

// Everything that a coordinator, or a worker, exports.
const std::vector<MetricSpec>& CoordinatorMetrics();
const std::vector<MetricSpec>& WorkerMetrics();

// What of them follows a phase: exported by the worker that measured it and by
// the coordinator. Part of both tables.
const std::vector<MetricSpec>& EvaluationMetrics();
// What only the coordinator, or only a worker, exports.
const std::vector<MetricSpec>& CoordinatorOwnMetrics();
const std::vector<MetricSpec>& WorkerOwnMetrics();

// The row of that name in any of them; null without one.
const MetricSpec* FindMetric(std::string_view name);

// Upper bounds of the histograms of angles: whole degrees.
const std::vector<double>& DegreeBounds();

}  // namespace keel

#endif  // KEEL_COMMON_METRICS_NAMES_H_
