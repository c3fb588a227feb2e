#include "tests/coordinator/simulator/histories.h"

#include "absl/strings/str_cat.h"

namespace keel::testing {

HistoryResult RunHistory(uint64_t seed) { return World(seed).Run(); }

std::string Coverage::Describe() const {
  return absl::StrCat(events, " events, ", coordinator_starts,
                      " starts of the coordinator, ", power_losses,
                      " losses of power, ", generations, " generations, ",
                      published, " phases published, ", failed, " failed, ",
                      absl::FormatDuration(elapsed), " of virtual time");
}

Coverage RunHistories(int count) {
  Coverage coverage;
  for (int seed = 1; seed <= count; ++seed) {
    const HistoryResult result = RunHistory(seed);
    coverage.events += result.event_count;
    coverage.coordinator_starts += result.coordinator_starts;
    coverage.power_losses += result.power_losses;
    coverage.generations += result.generations;
    coverage.published += result.published;
    coverage.failed += result.failed;
    coverage.elapsed += result.elapsed;
    if (!result.violations.empty()) {
      coverage.failed_seed = seed;
      coverage.violations = result.violations;
      return coverage;
    }
  }
  return coverage;
}

}  // namespace keel::testing
