// The process's metrics, declared once in a table (common/metrics/names.h)
// and served on /metrics in Prometheus' text format 0.0.4.
//
// A metric is used by name and labels; a name that is not in the table, or a
// kind or labels that differ from it, is a programming error and stops the
// process. Thread-safe.
#ifndef KEEL_COMMON_METRICS_REGISTRY_H_
#define KEEL_COMMON_METRICS_REGISTRY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keel {

enum class MetricKind { kCounter, kGauge, kHistogram };

// A row of the table of metrics.
struct MetricSpec {
  std::string_view name;
  MetricKind kind;
  // Names of the labels that each of its series has.
  std::vector<std::string_view> labels;
  std::string_view help;
  // Upper bounds of a histogram's buckets; empty for other kinds.
  std::vector<double> bounds = {};
  // Values of its one label whose series are there from the start.
  std::vector<std::string_view> known_values = {};
};

using MetricLabels = std::map<std::string, std::string>;

// True if `labels` has exactly the labels that `spec` names.
bool HasTheLabels(const MetricSpec& spec, const MetricLabels& labels);
// True if `labels` has some of them and no other.
bool HasOnlyLabels(const MetricSpec& spec, const MetricLabels& labels);

// Where components write their figures. Implementations are thread-safe.
// Included by both halves of the worker; free of prometheus-cpp's headers.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual void Increment(std::string_view name, const MetricLabels& labels = {},
                         double by = 1.0) = 0;
  virtual void Set(std::string_view name, double value,
                   const MetricLabels& labels = {}) = 0;
  virtual void Observe(std::string_view name, double value,
                       const MetricLabels& labels = {}) = 0;
  // Adds `counts[i]` observations to bucket i of a histogram (its bounds, then
  // +Inf); `sum` is the sum of their values. Replaces what the series held.
  virtual void SetHistogram(std::string_view name,
                            const std::vector<int64_t>& counts, double sum,
                            const MetricLabels& labels = {}) = 0;
  // Forgets every series of `name` that has all of `labels`; these are some of
  // the table's.
  virtual void Remove(std::string_view name, const MetricLabels& labels) = 0;
};

// Metrics that go nowhere, for tests and tools.
class NullMetrics : public Metrics {
 public:
  void Increment(std::string_view, const MetricLabels&, double) override {}
  void Set(std::string_view, double, const MetricLabels&) override {}
  void Observe(std::string_view, double, const MetricLabels&) override {}
  void SetHistogram(std::string_view, const std::vector<int64_t>&, double,
                    const MetricLabels&) override {}
  void Remove(std::string_view, const MetricLabels&) override {}
};

// Metrics served over HTTP. Counters and histograms without labels, or with
// known values of their label, are there from the start, with 0, so that a
// rate sees their first growth.
class MetricsServer : public Metrics {
 public:
  struct Options {
    // host:port; port 0 takes a free one.
    std::string address = "127.0.0.1:0";
  };
  // UNAVAILABLE: the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Create(
      const Options& options, std::vector<MetricSpec> table);
  virtual int port() const = 0;
};

}  // namespace keel

#endif  // KEEL_COMMON_METRICS_REGISTRY_H_
