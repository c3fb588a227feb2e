// 2,000 random histories of coordinator, workers and clients, or as many as
// KEEL_SIMULATOR_HISTORIES says. One that breaks a promise names its seed;
// KEEL_SIMULATOR_SEED=<seed> runs that one alone.
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log.h"
#include "gtest/gtest.h"
#include "tests/coordinator/simulator/histories.h"

namespace keel::testing {
namespace {

int HistoryCount() {
  const char* count = std::getenv("KEEL_SIMULATOR_HISTORIES");
  return count == nullptr ? kHistories : std::stoi(count);
}

TEST(SimulatorTest, NoHistoryBreaksAPromise) {
  if (const char* seed = std::getenv("KEEL_SIMULATOR_SEED")) {
    SetLogLevel(LogLevel::kDebug);
    const HistoryResult result = RunHistory(std::stoull(seed));
    EXPECT_TRUE(result.violations.empty())
        << absl::StrJoin(result.violations, "\n");
    return;
  }
  const int count = HistoryCount();
  SetLogLevel(LogLevel::kNone);
  const Coverage coverage = RunHistories(count);
  SetLogLevel(LogLevel::kInfo);
  EXPECT_EQ(coverage.failed_seed, std::nullopt)
      << "KEEL_SIMULATOR_SEED=" << coverage.failed_seed.value_or(0) << ":\n"
      << absl::StrJoin(coverage.violations, "\n");
  std::cout << coverage.Describe() << "\n";
  // The histories say something only if much happens in them.
  EXPECT_GT(coverage.power_losses, count);
  EXPECT_GT(coverage.coordinator_starts, 2 * count);
  EXPECT_GT(coverage.published, count);
  EXPECT_GT(coverage.generations, coverage.published + count);
}

TEST(SimulatorTest, ASeedGivesTheSameHistory) {
  SetLogLevel(LogLevel::kNone);
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    EXPECT_EQ(RunHistory(seed).trace, RunHistory(seed).trace) << seed;
  }
  SetLogLevel(LogLevel::kInfo);
}

}  // namespace
}  // namespace keel::testing
