#include "common/metrics/metrics_store.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>

#include "common/log.h"

namespace keel {
namespace {

[[noreturn]] void Misused(std::string_view name, std::string_view why) {
  LogError("metric misused",
           {{"name", std::string(name)}, {"why", std::string(why)}});
  std::abort();
}

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram ExportHistogram(
    const std::vector<double>& bounds, const std::vector<int64_t>& counts,
    double sum) {
  prometheus::ClientMetric::Histogram histogram;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cumulative += static_cast<uint64_t>(counts[i]);
    const double bound =
        i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({cumulative, bound});
  }
  histogram.sample_count = cumulative;
  histogram.sample_sum = sum;
  return histogram;
}

}  // namespace

MetricsStore::MetricsStore(const std::vector<MetricSpec>& table) {
  absl::MutexLock lock(&mu_);
  for (const MetricSpec& spec : table) {
    if (!families_.try_emplace(std::string(spec.name), Family{spec, {}})
             .second) {
      Misused(spec.name, "declared twice");
    }
    StartAtZero(families_.find(spec.name)->second);
  }
}

void MetricsStore::StartAtZero(Family& family) {
  const MetricSpec& spec = family.spec;
  if (spec.kind == MetricKind::kGauge) return;
  std::vector<MetricLabels> known;
  if (spec.labels.empty()) known.emplace_back();
  for (std::string_view value : spec.known_values) {
    known.push_back({{std::string(spec.labels[0]), std::string(value)}});
  }
  const size_t buckets =
      spec.kind == MetricKind::kHistogram ? spec.bounds.size() + 1 : 0;
  for (const MetricLabels& labels : known) {
    family.series[labels].counts.resize(buckets, 0);
  }
}

MetricsStore::Family& MetricsStore::FamilyOf(std::string_view name) {
  const auto family = families_.find(name);
  if (family == families_.end()) Misused(name, "not in the table");
  return family->second;
}

MetricsStore::Family& MetricsStore::FamilyOf(std::string_view name,
                                             MetricKind kind,
                                             const MetricLabels& labels) {
  Family& family = FamilyOf(name);
  if (family.spec.kind != kind) Misused(name, "of another kind");
  if (!HasTheLabels(family.spec, labels)) Misused(name, "other labels");
  return family;
}

void MetricsStore::Increment(std::string_view name, const MetricLabels& labels,
                             double by) {
  if (!(by >= 0)) Misused(name, "a counter only grows");
  absl::MutexLock lock(&mu_);
  FamilyOf(name, MetricKind::kCounter, labels).series[labels].value += by;
}

void MetricsStore::Set(std::string_view name, double value,
                       const MetricLabels& labels) {
  absl::MutexLock lock(&mu_);
  FamilyOf(name, MetricKind::kGauge, labels).series[labels].value = value;
}

void MetricsStore::Observe(std::string_view name, double value,
                           const MetricLabels& labels) {
  absl::MutexLock lock(&mu_);
  Family& family = FamilyOf(name, MetricKind::kHistogram, labels);
  const std::vector<double>& bounds = family.spec.bounds;
  Series& series = family.series[labels];
  series.counts.resize(bounds.size() + 1, 0);
  const auto bound = std::lower_bound(bounds.begin(), bounds.end(), value);
  ++series.counts[bound - bounds.begin()];
  series.value += value;
}

void MetricsStore::SetHistogram(std::string_view name,
                                const std::vector<int64_t>& counts, double sum,
                                const MetricLabels& labels) {
  absl::MutexLock lock(&mu_);
  Family& family = FamilyOf(name, MetricKind::kHistogram, labels);
  if (counts.size() != family.spec.bounds.size() + 1) {
    Misused(name, "counts do not match the bounds");
  }
  family.series[labels] = {sum, counts};
}

void MetricsStore::Remove(std::string_view name, const MetricLabels& labels) {
  absl::MutexLock lock(&mu_);
  Family& family = FamilyOf(name);
  if (!HasOnlyLabels(family.spec, labels)) Misused(name, "other labels");
  std::erase_if(family.series, [&](const auto& entry) {
    // Both are sorted by label.
    return std::includes(entry.first.begin(), entry.first.end(), labels.begin(),
                         labels.end());
  });
}

prometheus::MetricFamily MetricsStore::Export(const Family& family) {
  prometheus::MetricFamily exported;
  exported.name = std::string(family.spec.name);
  exported.help = std::string(family.spec.help);
  exported.type = TypeOf(family.spec.kind);
  for (const auto& [labels, series] : family.series) {
    prometheus::ClientMetric& metric = exported.metric.emplace_back();
    for (const auto& [name, value] : labels) {
      metric.label.push_back({name, value});
    }
    metric.counter.value = metric.gauge.value = series.value;
    if (family.spec.kind == MetricKind::kHistogram) {
      metric.histogram =
          ExportHistogram(family.spec.bounds, series.counts, series.value);
    }
  }
  return exported;
}

std::vector<prometheus::MetricFamily> MetricsStore::Collect() const {
  absl::MutexLock lock(&mu_);
  std::vector<prometheus::MetricFamily> exported;
  for (const auto& [name, family] : families_) {
    if (!family.series.empty()) exported.push_back(Export(family));
  }
  return exported;
}

}  // namespace keel
