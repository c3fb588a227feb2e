#include "worker/drift/angle_histogram.h"

#include <gtest/gtest.h>

#include <numeric>

namespace keel {
namespace {

TEST(AngleHistogramTest, DescribesNothing) {
  const AngleDistribution d = AngleHistogram().Describe();
  EXPECT_EQ(d.mean, 0);
  EXPECT_EQ(d.max, 0);
  EXPECT_EQ(d.counts.size(), 180u);
  EXPECT_EQ(std::accumulate(d.counts.begin(), d.counts.end(), int64_t{0}), 0);
}

TEST(AngleHistogramTest, DescribesEvenlySpreadAngles) {
  AngleHistogram histogram;
  // 0.5, 1.5 ... 99.5 in two batches.
  histogram.Add(at::arange(0, 40, at::kDouble) + 0.5);
  histogram.Add(at::arange(40, 100, at::kDouble).view({6, 10}) + 0.5);
  const AngleDistribution d = histogram.Describe();
  EXPECT_DOUBLE_EQ(d.mean, 50);
  EXPECT_NEAR(d.p50, 49.5, 1e-4);
  EXPECT_NEAR(d.p95, 94.5, 1e-4);
  EXPECT_EQ(d.max, 99.5);
  for (int i = 0; i < 180; ++i) EXPECT_EQ(d.counts[i], i < 100 ? 1 : 0) << i;
}

TEST(AngleHistogramTest, CountsBothEnds) {
  AngleHistogram histogram;
  histogram.Add(at::tensor({0.0, 180.0}, at::kDouble));
  const AngleDistribution d = histogram.Describe();
  EXPECT_EQ(d.counts.front(), 1);
  EXPECT_EQ(d.counts.back(), 1);
  EXPECT_EQ(d.max, 180);
}

}  // namespace
}  // namespace keel
