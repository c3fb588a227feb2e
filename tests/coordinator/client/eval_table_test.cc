#include "coordinator/client/eval_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

TEST(EvalTableTest, ShowsRetrieval) {
  const auto table = EvalTable(R"({"retrieval": {
    "images": 1200, "captions": 6000,
    "image_to_text": {"1": 0.1, "5": 0.25, "10": 0.5},
    "text_to_image": {"1": 0.05, "5": 0.2, "10": 0.4},
    "r5_interval": [0.2, 0.25],
    "median_rank": {"image_to_text": 10.5, "text_to_image": 12},
    "mean_rank": {"image_to_text": 30, "text_to_image": 40.25},
    "modality_gap": 0.8125,
    "effective_rank": {"image": 90, "text": 80.5}}})");
  ASSERT_TRUE(table.ok()) << table.status();
  for (const char* text :
       {"1,200", "6,000", "10.0 %, 25.0 %, 50.0 %", "5.0 %, 20.0 %, 40.0 %",
        "20.0 % to 25.0 %", "10.5, 12.0", "0.812", "90.0, 80.5"}) {
    EXPECT_THAT(*table, HasSubstr(text));
  }
}

TEST(EvalTableTest, ShowsAccuracies) {
  const auto table = EvalTable(R"({
    "zero_shot": {"images": 50, "classes": 4, "top1": 0.5, "top5": 1,
                  "mean_per_class": 0.375, "templates": ["a {}"]},
    "linear_probe": {"images": 50, "classes": 4, "top1": 0.75, "top5": 1,
                     "mean_per_class": 0.625}})");
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_THAT(*table, HasSubstr("zero-shot:          50 images, 4 classes"));
  EXPECT_THAT(*table, HasSubstr("37.5 %"));
  EXPECT_THAT(*table, HasSubstr("linear probe:"));
  EXPECT_THAT(*table, HasSubstr("62.5 %"));
}

TEST(EvalTableTest, RefusesAnythingElse) {
  EXPECT_TRUE(absl::IsInvalidArgument(EvalTable("{").status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(EvalTable(R"({"zero_shot": {}})").status()));
}

}  // namespace
}  // namespace keel
