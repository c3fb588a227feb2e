// Metrics that tests can read back. A use that the tables do not allow fails
// the test.
#ifndef KEEL_TESTS_TESTING_RECORDING_METRICS_H_
#define KEEL_TESTS_TESTING_RECORDING_METRICS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/metrics/names.h"
#include "common/metrics/registry.h"

namespace keel::testing {

// Thread-safe.
class RecordingMetrics : public Metrics {
 public:
  void Increment(std::string_view name, const MetricLabels& labels,
                 double by) override {
    Check(name, MetricKind::kCounter, labels);
    absl::MutexLock lock(&mu_);
    values_[{std::string(name), labels}] += by;
  }
  void Set(std::string_view name, double value,
           const MetricLabels& labels) override {
    Check(name, MetricKind::kGauge, labels);
    absl::MutexLock lock(&mu_);
    values_[{std::string(name), labels}] = value;
  }
  void Observe(std::string_view name, double,
               const MetricLabels& labels) override {
    Check(name, MetricKind::kHistogram, labels);
    absl::MutexLock lock(&mu_);
    ++counts_[{std::string(name), labels}];
  }
  void SetHistogram(std::string_view name, const std::vector<int64_t>& counts,
                    double, const MetricLabels& labels) override {
    Check(name, MetricKind::kHistogram, labels);
    absl::MutexLock lock(&mu_);
    counts_[{std::string(name), labels}] =
        std::accumulate(counts.begin(), counts.end(), int64_t{0});
  }
  void Remove(std::string_view name, const MetricLabels& labels) override {
    const auto matches = [&](const auto& entry) {
      const MetricLabels& has = entry.first.second;
      return entry.first.first == name &&
             std::includes(has.begin(), has.end(), labels.begin(),
                           labels.end());
    };
    absl::MutexLock lock(&mu_);
    std::erase_if(values_, matches);
    std::erase_if(counts_, matches);
  }

  // Of a counter or gauge; -1 if it was never touched.
  double Value(const std::string& name, const MetricLabels& labels = {}) {
    absl::MutexLock lock(&mu_);
    const auto it = values_.find({name, labels});
    return it == values_.end() ? -1 : it->second;
  }
  // Observations of a histogram.
  int64_t HistogramCount(const std::string& name, const MetricLabels& labels) {
    absl::MutexLock lock(&mu_);
    return counts_[{name, labels}];
  }

 private:
  using Series = std::pair<std::string, MetricLabels>;

  static void Check(std::string_view name, MetricKind kind,
                    const MetricLabels& labels) {
    const MetricSpec* spec = FindMetric(name);
    if (spec == nullptr || spec->kind != kind || !HasTheLabels(*spec, labels)) {
      ADD_FAILURE() << name << " is used with another kind or other labels "
                    << "than the table of metrics gives it";
    }
  }

  absl::Mutex mu_;
  std::map<Series, double> values_ ABSL_GUARDED_BY(mu_);
  std::map<Series, int64_t> counts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_RECORDING_METRICS_H_
