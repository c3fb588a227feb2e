#include "common/metrics/registry.h"

#include <algorithm>

namespace keel {

bool HasOnlyLabels(const MetricSpec& spec, const MetricLabels& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    return std::find(spec.labels.begin(), spec.labels.end(), label.first) !=
           spec.labels.end();
  });
}

bool HasTheLabels(const MetricSpec& spec, const MetricLabels& labels) {
  return labels.size() == spec.labels.size() && HasOnlyLabels(spec, labels);
}

}  // namespace keel
