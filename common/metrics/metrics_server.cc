#include <prometheus/exposer.h>

#include <exception>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/metrics/metrics_store.h"
#include "common/metrics/process_metrics.h"
#include "common/metrics/registry.h"

namespace keel {
namespace {

constexpr int kScrapeThreads = 2;

class ExposedMetrics : public MetricsServer {
 public:
  // Throws what prometheus::Exposer throws.
  ExposedMetrics(const Options& options, const std::vector<MetricSpec>& table)
      : store_(std::make_shared<MetricsStore>(table)),
        process_(std::make_shared<ProcessMetrics>()),
        exposer_(options.address, kScrapeThreads) {
    exposer_.RegisterCollectable(process_);
    exposer_.RegisterCollectable(store_);
  }

  void Increment(std::string_view name, const MetricLabels& labels,
                 double by) override {
    store_->Increment(name, labels, by);
  }
  void Set(std::string_view name, double value,
           const MetricLabels& labels) override {
    store_->Set(name, value, labels);
  }
  void Observe(std::string_view name, double value,
               const MetricLabels& labels) override {
    store_->Observe(name, value, labels);
  }
  void SetHistogram(std::string_view name, const std::vector<int64_t>& counts,
                    double sum, const MetricLabels& labels) override {
    store_->SetHistogram(name, counts, sum, labels);
  }
  void Remove(std::string_view name, const MetricLabels& labels) override {
    store_->Remove(name, labels);
  }
  int port() const override { return exposer_.GetListeningPorts().at(0); }

 private:
  const std::shared_ptr<MetricsStore> store_;
  const std::shared_ptr<ProcessMetrics> process_;
  prometheus::Exposer exposer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Create(
    const Options& options, std::vector<MetricSpec> table) {
  try {
    return std::make_unique<ExposedMetrics>(options, table);
  } catch (const std::exception& error) {
    return absl::UnavailableError(absl::StrCat(
        "cannot serve metrics on ", options.address, ": ", error.what()));
  }
}

}  // namespace keel
