#include "common/metrics/registry.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

MetricSpec Spec() { return {"x", MetricKind::kGauge, {"b", "a"}, "X."}; }

TEST(MetricLabelsTest, AreTheSpecsWhenEachNameIsThereOnce) {
  EXPECT_TRUE(HasTheLabels(Spec(), {{"a", "1"}, {"b", ""}}));
  EXPECT_FALSE(HasTheLabels(Spec(), {}));
  EXPECT_FALSE(HasTheLabels(Spec(), {{"a", "1"}}));
  EXPECT_FALSE(HasTheLabels(Spec(), {{"a", "1"}, {"c", "1"}}));
  EXPECT_FALSE(HasTheLabels(Spec(), {{"a", "1"}, {"b", "1"}, {"c", "1"}}));
}

TEST(MetricLabelsTest, AreSomeOfTheSpecsWhenNoOtherIsThere) {
  EXPECT_TRUE(HasOnlyLabels(Spec(), {}));
  EXPECT_TRUE(HasOnlyLabels(Spec(), {{"a", "1"}}));
  EXPECT_FALSE(HasOnlyLabels(Spec(), {{"a", "1"}, {"c", "1"}}));
}

}  // namespace
}  // namespace keel
