// The simulator with a defect put into the product (cmake/KeelMutant.cmake):
// its checker has to see it.
#include <iostream>
#include <string>

#include "absl/strings/str_join.h"
#include "common/log.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/simulator/histories.h"

namespace keel::testing {

// What the checker has to say of this mutant; defined with it.
const char* MutantViolation();

namespace {

TEST(MutantTest, IsCaughtByTheSimulator) {
  SetLogLevel(LogLevel::kNone);
  const Coverage coverage = RunHistories(kHistories);
  ASSERT_TRUE(coverage.failed_seed.has_value()) << coverage.Describe();
  const std::string violations = absl::StrJoin(coverage.violations, "\n");
  EXPECT_THAT(violations, ::testing::HasSubstr(MutantViolation()));
  std::cout << "caught in history " << *coverage.failed_seed << ": "
            << violations << "\n";
}

}  // namespace
}  // namespace keel::testing
