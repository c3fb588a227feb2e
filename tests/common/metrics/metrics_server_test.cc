#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "common/metrics/names.h"
#include "common/metrics/registry.h"
#include "tests/common/metrics/http_get.h"

namespace keel {
namespace {

using testing::HasSubstr;

std::unique_ptr<MetricsServer> Serve(const std::vector<MetricSpec>& table) {
  return MetricsServer::Create({}, table).value();
}

std::string Scrape(const MetricsServer& server) {
  return HttpGet(server.port(), "/metrics");
}

// Uses each metric of `table` once, with awkward labels.
void UseAll(const std::vector<MetricSpec>& table, Metrics* metrics) {
  for (const MetricSpec& spec : table) {
    MetricLabels labels;
    for (std::string_view label : spec.labels) {
      labels[std::string(label)] = "a \"b\"\\\n";
    }
    switch (spec.kind) {
      case MetricKind::kCounter:
        metrics->Increment(spec.name, labels);
        break;
      case MetricKind::kGauge:
        metrics->Set(spec.name, 0.5, labels);
        break;
      case MetricKind::kHistogram:
        metrics->Observe(spec.name, 3, labels);
        break;
    }
  }
}

// Exit code of `promtool check metrics` with `text` on its input; -1 if it did
// not end by itself.
int PromtoolCheck(const std::string& text) {
  FILE* promtool = popen("promtool check metrics", "w");
  if (promtool == nullptr) return -1;
  fwrite(text.data(), 1, text.size(), promtool);
  const int status = pclose(promtool);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(MetricsServerTest, ServesHistogramsInTextFormat) {
  const auto server = Serve(
      {{"x_degrees", MetricKind::kHistogram, {"phase"}, "Angles.", {10, 20}}});
  server->SetHistogram("x_degrees", {1, 2, 3}, 99.5, {{"phase", "2"}});
  EXPECT_THAT(Scrape(*server),
              HasSubstr("# HELP x_degrees Angles.\n"
                        "# TYPE x_degrees histogram\n"
                        "x_degrees_count{phase=\"2\"} 6\n"
                        "x_degrees_sum{phase=\"2\"} 99.5\n"
                        "x_degrees_bucket{phase=\"2\",le=\"10\"} 1\n"
                        "x_degrees_bucket{phase=\"2\",le=\"20\"} 3\n"
                        "x_degrees_bucket{phase=\"2\",le=\"+Inf\"} 6\n"));
}

TEST(MetricsServerTest, ServesProcessMetricsAndBuildInfo) {
  const auto server = Serve({});
  const std::string text = Scrape(*server);
  EXPECT_THAT(text,
              HasSubstr("keel_build_info{version=\"" KEEL_VERSION "\"} 1"));
  for (const char* name :
       {"process_resident_memory_bytes", "process_cpu_seconds_total",
        "process_start_time_seconds", "process_open_fds"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name + " "));
  }
}

TEST(MetricsServerTest, PassesPromtoolWithEveryMetricOfAWorker) {
  const auto server = Serve(WorkerMetrics());
  UseAll(WorkerMetrics(), server.get());
  EXPECT_EQ(PromtoolCheck(Scrape(*server)), 0);
}

TEST(MetricsServerTest, PassesPromtoolWithEveryMetricOfTheCoordinator) {
  const auto server = Serve(CoordinatorMetrics());
  UseAll(CoordinatorMetrics(), server.get());
  EXPECT_EQ(PromtoolCheck(Scrape(*server)), 0);
}

TEST(MetricsServerTest, FailsPromtoolWithMalformedText) {
  EXPECT_EQ(PromtoolCheck("x{ 1\n"), 1);  // 127: no promtool
}

TEST(MetricsServerTest, SaysUnavailableWhenThePortIsTaken) {
  const auto server = Serve({});
  const std::string address = "127.0.0.1:" + std::to_string(server->port());
  const auto second = MetricsServer::Create({.address = address}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

}  // namespace
}  // namespace keel
