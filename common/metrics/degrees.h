// Angles as histograms of whole degrees. Thread-safe.
#ifndef KEEL_COMMON_METRICS_DEGREES_H_
#define KEEL_COMMON_METRICS_DEGREES_H_

#include <cstdint>
#include <vector>

namespace keel {

// Folds counts of one-degree bins (bin i holds angles from i to i + 1 degrees)
// into a histogram with the upper bounds `bounds`: whole degrees, increasing.
// Returns bounds.size() + 1 counts, not cumulative; the last is what lies
// above all bounds (Metrics::SetHistogram takes them).
std::vector<int64_t> FoldDegreeCounts(
    const std::vector<int64_t>& one_degree_counts,
    const std::vector<double>& bounds);

}  // namespace keel

#endif  // KEEL_COMMON_METRICS_DEGREES_H_
