#include "common/metrics/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace keel {
namespace {

using testing::UnorderedElementsAreArray;

std::vector<std::string> NamesOf(const std::vector<MetricSpec>& table) {
  std::vector<std::string> names;
  for (const MetricSpec& spec : table) names.emplace_back(spec.name);
  return names;
}

// What users' dashboards rely on.
const std::vector<std::string>& EvaluationNames() {
  static const auto* const names =
      new std::vector<std::string>{"keel_sd_self_angle_change_degrees",
                                   "keel_sd_rotation_degrees",
                                   "keel_sd_rotation_gap_degrees",
                                   "keel_sd_cross_angle_change_degrees",
                                   "keel_sd_deviation_degrees",
                                   "keel_sd_deviation_floor_degrees",
                                   "keel_sd_residual_degrees",
                                   "keel_recall_ratio",
                                   "keel_forgetting_ratio"};
  return *names;
}

std::vector<std::string> WithEvaluation(std::vector<std::string> names) {
  names.insert(names.end(), EvaluationNames().begin(), EvaluationNames().end());
  return names;
}

TEST(MetricNamesTest, WorkerHasEveryPublicName) {
  EXPECT_THAT(
      NamesOf(WorkerMetrics()),
      UnorderedElementsAreArray(WithEvaluation(
          {"keel_samples_trained_total", "keel_step_duration_seconds",
           "keel_loss", "keel_logit_scale", "keel_teacher_agreement_ratio",
           "keel_learning_rate", "keel_sd_live_degrees",
           "keel_allreduce_bytes_total", "keel_data_wait_seconds_total",
           "keel_device_memory_bytes"})));
}

TEST(MetricNamesTest, CoordinatorHasEveryPublicName) {
  EXPECT_THAT(
      NamesOf(CoordinatorMetrics()),
      UnorderedElementsAreArray(WithEvaluation(
          {"keel_chunks_total", "keel_samples_total", "keel_ingest_bytes_total",
           "keel_backlog_samples", "keel_phase_state", "keel_workers",
           "keel_group_generation", "keel_recovery_duration_seconds",
           "keel_steps_committed_total", "keel_steps_retried_total",
           "keel_checkpoint_write_seconds", "keel_checkpoint_bytes",
           "keel_rpc_duration_seconds"})));
}

TEST(MetricNamesTest, FindsNothingUnderAnUnknownName) {
  EXPECT_EQ(FindMetric("keel_nothing"), nullptr);
}

class MetricTableTest
    : public testing::TestWithParam<const std::vector<MetricSpec>*> {};

TEST_P(MetricTableTest, EndsCountersInTotalAndNothingElse) {
  for (const MetricSpec& spec : *GetParam()) {
    EXPECT_EQ(spec.name.ends_with("_total"), spec.kind == MetricKind::kCounter)
        << spec.name;
  }
}

TEST_P(MetricTableTest, GivesHistogramsIncreasingBounds) {
  for (const MetricSpec& spec : *GetParam()) {
    EXPECT_EQ(spec.bounds.empty(), spec.kind != MetricKind::kHistogram)
        << spec.name;
    EXPECT_TRUE(std::is_sorted(spec.bounds.begin(), spec.bounds.end(),
                               std::less_equal<>()))
        << spec.name;
  }
}

TEST_P(MetricTableTest, BoundsAnglesByWholeDegrees) {
  for (const MetricSpec& spec : *GetParam()) {
    if (!spec.name.ends_with("_degrees")) continue;
    for (double bound : spec.bounds) EXPECT_EQ(bound, std::floor(bound));
  }
}

TEST_P(MetricTableTest, ExplainsEveryMetric) {
  for (const MetricSpec& spec : *GetParam()) {
    EXPECT_TRUE(spec.help.ends_with(".")) << spec.name;
  }
}

TEST_P(MetricTableTest, NamesEachLabelOnceInSnakeCase) {
  for (const MetricSpec& spec : *GetParam()) {
    std::set<std::string_view> seen;
    for (std::string_view label : spec.labels) {
      EXPECT_TRUE(seen.insert(label).second) << spec.name << " " << label;
      EXPECT_EQ(label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
                label.npos)
          << spec.name << " " << label;
    }
  }
}

TEST_P(MetricTableTest, FindsEveryMetricByItsName) {
  for (const MetricSpec& spec : *GetParam()) {
    const MetricSpec* found = FindMetric(spec.name);
    ASSERT_NE(found, nullptr) << spec.name;
    EXPECT_EQ(found->kind, spec.kind);
    EXPECT_EQ(found->labels, spec.labels);
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, MetricTableTest,
                         testing::Values(&WorkerMetrics(),
                                         &CoordinatorMetrics()));

}  // namespace
}  // namespace keel
