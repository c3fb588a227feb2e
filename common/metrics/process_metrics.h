// What every Prometheus client says of its process, read from /proc at each
// scrape: process_resident_memory_bytes, process_cpu_seconds_total,
// process_start_time_seconds, process_open_fds; and keel_build_info{version}.
// Thread-safe.
#ifndef KEEL_COMMON_METRICS_PROCESS_METRICS_H_
#define KEEL_COMMON_METRICS_PROCESS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace keel {

class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace keel

#endif  // KEEL_COMMON_METRICS_PROCESS_METRICS_H_
