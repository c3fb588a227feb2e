// Ids that follow from a seed: this program's own getrandom takes the place of
// the C library's, so that the names which the coordinator draws are the same
// in every run of a history (names decide which folders a blob needs).
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_SEEDED_IDS_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_SEEDED_IDS_H_

#include <cstdint>

namespace keel::testing {

// From now on, in this thread.
void SeedIds(uint64_t seed);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_SEEDED_IDS_H_
