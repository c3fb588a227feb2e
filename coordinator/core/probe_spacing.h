// Which of many probe sets are measured after a phase, in recall and in drift
// (probe.evaluate: spaced): the cost of a phase's evaluation grows with the
// logarithm of the stream's length, not with the length. Pure.
#ifndef KEEL_COORDINATOR_CORE_PROBE_SPACING_H_
#define KEEL_COORDINATOR_CORE_PROBE_SPACING_H_

#include <vector>

namespace keel {

// Positions among `count` in order of age, growing: all up to eight; beyond
// that the first, the last, and those 1, 2, 4, 8, ... before the last.
std::vector<int> SpacedPositions(int count);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_PROBE_SPACING_H_
