#include "common/metrics/process_metrics.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/file_system.h"

namespace keel {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Single(std::string name, std::string help, MetricType type,
                    double value) {
  MetricFamily family{std::move(name), std::move(help), type, {}};
  prometheus::ClientMetric metric;
  metric.counter.value = metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
  return family;
}

MetricFamily BuildInfo() {
  MetricFamily family = Single(
      "keel_build_info", "1; the label says what runs.", MetricType::Gauge, 1);
  family.metric[0].label.push_back({"version", KEEL_VERSION});
  return family;
}

// Field `number` of proc(5)'s stat, counted from 1, after the name in
// parentheses (which may hold blanks).
double StatField(absl::string_view stat, int number) {
  const std::vector<absl::string_view> fields =
      absl::StrSplit(stat.substr(stat.rfind(')') + 2), ' ');
  double value = 0;
  const size_t index = number - 3;
  if (index < fields.size()) (void)absl::SimpleAtod(fields[index], &value);
  return value;
}

// When the machine was started, in seconds since 1970.
double BootTime() {
  const auto stat = ReadFile("/proc/stat");
  double seconds = 0;
  if (!stat.ok()) return seconds;
  for (absl::string_view line : absl::StrSplit(*stat, '\n')) {
    if (absl::ConsumePrefix(&line, "btime ")) {
      (void)absl::SimpleAtod(line, &seconds);
    }
  }
  return seconds;
}

}  // namespace

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> families = {BuildInfo()};
  const auto stat = ReadFile("/proc/self/stat");
  const auto descriptors = ListDirectory("/proc/self/fd");
  if (!stat.ok() || !descriptors.ok()) return families;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  families.push_back(
      Single("process_cpu_seconds_total",
             "User and system CPU time, in seconds.", MetricType::Counter,
             (StatField(*stat, 14) + StatField(*stat, 15)) / ticks));
  families.push_back(Single("process_start_time_seconds",
                            "Start of the process, in seconds since 1970.",
                            MetricType::Gauge,
                            BootTime() + StatField(*stat, 22) / ticks));
  families.push_back(Single("process_resident_memory_bytes",
                            "Resident memory, in bytes.", MetricType::Gauge,
                            StatField(*stat, 24) * page));
  families.push_back(Single("process_open_fds", "Open file descriptors.",
                            MetricType::Gauge,
                            static_cast<double>(descriptors->size())));
  return families;
}

}  // namespace keel
