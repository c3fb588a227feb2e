#include "coordinator/core/probe_spacing.h"

#include <numeric>
#include <set>

namespace keel {
namespace {

constexpr int kFew = 8;

}  // namespace

std::vector<int> SpacedPositions(int count) {
  if (count <= kFew) {
    std::vector<int> all(count);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  const int last = count - 1;
  std::set<int> positions = {0, last};
  for (int back = 1; back < last; back *= 2) positions.insert(last - back);
  return {positions.begin(), positions.end()};
}

}  // namespace keel
