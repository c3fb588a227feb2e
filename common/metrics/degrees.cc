#include "common/metrics/degrees.h"

#include <algorithm>

namespace keel {

std::vector<int64_t> FoldDegreeCounts(
    const std::vector<int64_t>& one_degree_counts,
    const std::vector<double>& bounds) {
  std::vector<int64_t> folded(bounds.size() + 1, 0);
  for (size_t degree = 0; degree < one_degree_counts.size(); ++degree) {
    const auto upper = static_cast<double>(degree + 1);
    const auto bound = std::lower_bound(bounds.begin(), bounds.end(), upper);
    folded[bound - bounds.begin()] += one_degree_counts[degree];
  }
  return folded;
}

}  // namespace keel
