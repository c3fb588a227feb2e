// Every metric that Keel's processes export (docs/metrics.md). Durations are
// in seconds, angles in degrees. The server adds keel_build_info and the
// usual process_* metrics (common/metrics/process_metrics.h).
#ifndef KEEL_COMMON_METRICS_NAMES_H_
#define KEEL_COMMON_METRICS_NAMES_H_

#include <vector>

#include "common/metrics/registry.h"

namespace keel {

const std::vector<MetricSpec>& CoordinatorMetrics();
const std::vector<MetricSpec>& WorkerMetrics();

// Upper bounds of the histograms of angles: whole degrees.
const std::vector<double>& DegreeBounds();

}  // namespace keel

#endif  // KEEL_COMMON_METRICS_NAMES_H_
