#include "worker/drift/angle_histogram.h"

#include <algorithm>
#include <cmath>

namespace keel {
namespace {

constexpr int64_t kBinsPerDegree = 10'000;
constexpr int64_t kDegrees = 180;

}  // namespace

AngleHistogram::AngleHistogram() : bins_(kDegrees * kBinsPerDegree, 0) {}

void AngleHistogram::Add(const at::Tensor& degrees) {
  const at::Tensor plain = degrees.contiguous();
  const double* angle = plain.const_data_ptr<double>();
  const int64_t last = static_cast<int64_t>(bins_.size()) - 1;
  for (int64_t i = 0; i < plain.numel(); ++i) {
    const auto bin = static_cast<int64_t>(angle[i] * kBinsPerDegree);
    ++bins_[std::clamp<int64_t>(bin, 0, last)];
    max_ = std::max(max_, angle[i]);
  }
  sum_ += plain.sum().item<double>();
  count_ += plain.numel();
}

AngleDistribution AngleHistogram::Describe() const {
  AngleDistribution result;
  result.counts.assign(kDegrees, 0);
  for (size_t i = 0; i < bins_.size(); ++i) {
    result.counts[i / kBinsPerDegree] += bins_[i];
  }
  if (count_ == 0) return result;
  result.mean = sum_ / static_cast<double>(count_);
  result.max = max_;
  result.p50 = Percentile(0.50);
  result.p95 = Percentile(0.95);
  return result;
}

double AngleHistogram::Percentile(double share) const {
  const auto rank = static_cast<int64_t>(std::ceil(share * count_));
  int64_t below = 0;
  for (size_t i = 0; i < bins_.size(); ++i) {
    below += bins_[i];
    if (below < rank) continue;
    const double middle = (static_cast<double>(i) + 0.5) / kBinsPerDegree;
    return std::min(middle, max_);
  }
  return max_;
}

}  // namespace keel
