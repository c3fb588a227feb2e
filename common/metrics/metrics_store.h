// The series of a table of metrics, in memory: what components write and what
// a scrape reads. Thread-safe.
#ifndef KEEL_COMMON_METRICS_METRICS_STORE_H_
#define KEEL_COMMON_METRICS_METRICS_STORE_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/metrics/registry.h"

namespace keel {

class MetricsStore : public Metrics, public prometheus::Collectable {
 public:
  // Names in `table` are unique, histograms' bounds increase.
  explicit MetricsStore(const std::vector<MetricSpec>& table);

  void Increment(std::string_view name, const MetricLabels& labels,
                 double by) override;
  void Set(std::string_view name, double value,
           const MetricLabels& labels) override;
  void Observe(std::string_view name, double value,
               const MetricLabels& labels) override;
  void SetHistogram(std::string_view name, const std::vector<int64_t>& counts,
                    double sum, const MetricLabels& labels) override;
  void Remove(std::string_view name, const MetricLabels& labels) override;

  // Families without a series are left out.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Series {
    // Value of a counter or gauge; sum of a histogram.
    double value = 0.0;
    // A histogram's observations by bucket, the last above all bounds.
    std::vector<int64_t> counts;
  };
  struct Family {
    MetricSpec spec;
    std::map<MetricLabels, Series> series;
  };

  // The family, which must be of `kind` and have `labels`.
  Family& FamilyOf(std::string_view name, MetricKind kind,
                   const MetricLabels& labels)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Family& FamilyOf(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Gives a counter or histogram without labels its series.
  static void StartAtZero(Family& family);
  static prometheus::MetricFamily Export(const Family& family);

  mutable absl::Mutex mu_;
  std::map<std::string, Family, std::less<>> families_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keel

#endif  // KEEL_COMMON_METRICS_METRICS_STORE_H_
