#include "common/metrics/metrics_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace keel {
namespace {

using testing::ElementsAre;

std::vector<MetricSpec> Table() {
  return {{"count_total", MetricKind::kCounter, {"a"}, "A count."},
          {"level", MetricKind::kGauge, {"a", "b"}, "A level."},
          {"time_seconds", MetricKind::kHistogram, {"a"}, "A time.", {1, 2}}};
}

class MetricsStoreTest : public testing::Test {
 protected:
  // The only family that has series.
  prometheus::MetricFamily Only() {
    const auto families = store_.Collect();
    EXPECT_EQ(families.size(), 1u);
    return families.empty() ? prometheus::MetricFamily{} : families[0];
  }
  std::vector<uint64_t> CumulativeCounts() {
    std::vector<uint64_t> counts;
    const prometheus::MetricFamily family = Only();
    for (const auto& bucket : family.metric[0].histogram.bucket) {
      counts.push_back(bucket.cumulative_count);
    }
    return counts;
  }

  const MetricLabels a_ = {{"a", "x"}};
  MetricsStore store_{Table()};
};

TEST_F(MetricsStoreTest, ShowsNothingBeforeTheFirstUse) {
  EXPECT_TRUE(store_.Collect().empty());
}

TEST(MetricsStoreStartTest, HasCountersAndHistogramsWithoutLabelsAtZero) {
  const MetricsStore store(
      {{"count_total", MetricKind::kCounter, {}, "C."},
       {"level", MetricKind::kGauge, {}, "L."},
       {"time_seconds", MetricKind::kHistogram, {}, "T.", {1, 2}}});
  const auto families = store.Collect();
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name, "count_total");
  EXPECT_EQ(families[0].metric.at(0).counter.value, 0);
  EXPECT_EQ(families[1].name, "time_seconds");
  EXPECT_EQ(families[1].metric.at(0).histogram.bucket.size(), 3u);
  EXPECT_EQ(families[1].metric.at(0).histogram.sample_count, 0u);
}

TEST(MetricsStoreStartTest, HasTheKnownValuesOfALabelAtZero) {
  const MetricsStore store({{"time_seconds",
                             MetricKind::kHistogram,
                             {"stage"},
                             "T.",
                             {1, 2},
                             {"early", "late"}}});
  const auto families = store.Collect();
  ASSERT_EQ(families.size(), 1u);
  ASSERT_EQ(families[0].metric.size(), 2u);
  EXPECT_EQ(families[0].metric[0].label.at(0).value, "early");
  EXPECT_EQ(families[0].metric[1].label.at(0).value, "late");
  EXPECT_EQ(families[0].metric[1].histogram.bucket.size(), 3u);
}

TEST_F(MetricsStoreTest, AddsToCounters) {
  store_.Increment("count_total", a_, 1);
  store_.Increment("count_total", a_, 2.5);
  EXPECT_EQ(Only().type, prometheus::MetricType::Counter);
  EXPECT_EQ(Only().metric[0].counter.value, 3.5);
}

TEST_F(MetricsStoreTest, KeepsSeriesOfOtherLabelsApart) {
  store_.Set("level", 1, {{"a", "x"}, {"b", ""}});
  store_.Set("level", 2, {{"a", "y"}, {"b", ""}});
  store_.Set("level", 3, {{"a", "x"}, {"b", ""}});
  const auto family = Only();
  ASSERT_EQ(family.metric.size(), 2u);
  EXPECT_EQ(family.metric[0].label[0].value, "x");
  EXPECT_EQ(family.metric[0].gauge.value, 3);
  EXPECT_EQ(family.metric[1].gauge.value, 2);
}

TEST_F(MetricsStoreTest, CumulatesBucketsUpToInfinity) {
  for (double value : {0.5, 1.0, 1.5, 7.0}) {
    store_.Observe("time_seconds", value, a_);
  }
  EXPECT_THAT(CumulativeCounts(), ElementsAre(2, 3, 4));
  const auto histogram = Only().metric[0].histogram;
  EXPECT_EQ(histogram.sample_count, 4u);
  EXPECT_EQ(histogram.sample_sum, 10.0);
  EXPECT_EQ(histogram.bucket[1].upper_bound, 2.0);
  EXPECT_EQ(histogram.bucket[2].upper_bound,
            std::numeric_limits<double>::infinity());
}

TEST_F(MetricsStoreTest, ReplacesAWholeHistogram) {
  store_.Observe("time_seconds", 1, a_);
  store_.SetHistogram("time_seconds", {1, 2, 3}, 30, a_);
  EXPECT_THAT(CumulativeCounts(), ElementsAre(1, 3, 6));
  EXPECT_EQ(Only().metric[0].histogram.sample_sum, 30);
}

TEST_F(MetricsStoreTest, RemovesSeriesThatHaveAllTheLabels) {
  store_.Set("level", 1, {{"a", "x"}, {"b", "1"}});
  store_.Set("level", 2, {{"a", "x"}, {"b", "2"}});
  store_.Set("level", 3, {{"a", "y"}, {"b", "1"}});
  store_.Remove("level", {{"a", "x"}, {"b", "1"}});
  EXPECT_EQ(Only().metric.size(), 2u);
  store_.Remove("level", {{"a", "x"}});
  ASSERT_EQ(Only().metric.size(), 1u);
  EXPECT_EQ(Only().metric[0].gauge.value, 3);
}

TEST_F(MetricsStoreTest, CountsEveryIncrementOfManyThreads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < 1000; ++j) store_.Increment("count_total", a_, 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Only().metric[0].counter.value, 4000);
}

using MetricsStoreDeathTest = MetricsStoreTest;

TEST_F(MetricsStoreDeathTest, StopsAtAnUnknownName) {
  EXPECT_DEATH(store_.Set("nothing", 1, {}), "not in the table");
}

TEST_F(MetricsStoreDeathTest, StopsAtAnotherKind) {
  EXPECT_DEATH(store_.Set("count_total", 1, a_), "of another kind");
}

TEST_F(MetricsStoreDeathTest, StopsAtOtherLabels) {
  EXPECT_DEATH(store_.Increment("count_total", {}, 1), "other labels");
  EXPECT_DEATH(store_.Set("level", 1, {{"a", "x"}, {"c", "x"}}),
               "other labels");
  EXPECT_DEATH(store_.Observe("time_seconds", 1, {{"a", "x"}, {"b", "x"}}),
               "other labels");
  EXPECT_DEATH(store_.SetHistogram("time_seconds", {1, 2, 3}, 0, {}),
               "other labels");
  EXPECT_DEATH(store_.Remove("level", {{"c", "x"}}), "other labels");
}

TEST_F(MetricsStoreDeathTest, StopsAtACounterThatFalls) {
  EXPECT_DEATH(store_.Increment("count_total", a_, -1), "only grows");
}

TEST_F(MetricsStoreDeathTest, StopsAtCountsForOtherBounds) {
  EXPECT_DEATH(store_.SetHistogram("time_seconds", {1, 2}, 0, a_),
               "do not match the bounds");
}

TEST_F(MetricsStoreDeathTest, StopsAtANameDeclaredTwice) {
  auto table = Table();
  table.push_back(table[0]);
  EXPECT_DEATH(MetricsStore{table}, "declared twice");
}

}  // namespace
}  // namespace keel
