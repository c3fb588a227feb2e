#include "common/metrics/process_metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace keel {
namespace {

std::map<std::string, double> Collected() {
  std::map<std::string, double> values;
  for (const auto& family : ProcessMetrics().Collect()) {
    values[family.name] = family.metric.at(0).gauge.value;
  }
  return values;
}

TEST(ProcessMetricsTest, TellsPlausibleValuesOfThisProcess) {
  auto values = Collected();
  EXPECT_GT(values["process_resident_memory_bytes"], 1e6);
  EXPECT_LT(values["process_resident_memory_bytes"], 1e11);
  EXPECT_GE(values["process_cpu_seconds_total"], 0);
  EXPECT_GE(values["process_open_fds"], 3);
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_LT(values["process_start_time_seconds"], now + 2);
  EXPECT_GT(values["process_start_time_seconds"], now - 3600);
}

TEST(ProcessMetricsTest, NamesTheVersion) {
  const auto family = ProcessMetrics().Collect().at(0);
  EXPECT_EQ(family.name, "keel_build_info");
  EXPECT_EQ(family.metric.at(0).gauge.value, 1);
  EXPECT_EQ(family.metric.at(0).label.at(0).name, "version");
  EXPECT_EQ(family.metric.at(0).label.at(0).value, KEEL_VERSION);
}

}  // namespace
}  // namespace keel
