// Runs histories, one seed after the other.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_HISTORIES_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_HISTORIES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/coordinator/simulator/world.h"

namespace keel::testing {

inline constexpr int kHistories = 2000;

HistoryResult RunHistory(uint64_t seed);

// What histories came to together.
struct Coverage {
  int64_t events = 0;
  int64_t coordinator_starts = 0;
  int64_t power_losses = 0;
  int64_t generations = 0;
  int64_t published = 0;
  int64_t failed = 0;
  absl::Duration elapsed;
  // The first history that broke a promise, and how.
  std::optional<uint64_t> failed_seed;
  std::vector<std::string> violations;

  std::string Describe() const;
};

// Runs the seeds 1 to `count`, up to the first that breaks a promise.
Coverage RunHistories(int count);

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_HISTORIES_H_
