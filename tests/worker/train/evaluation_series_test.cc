#include "worker/train/evaluation_series.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/recording_metrics.h"

namespace keel {
namespace {

class EvaluationSeriesTest : public ::testing::Test {
 protected:
  void MeasureRecall(const std::string& stream, int phase) {
    RecallResult recall;
    recall.phase = phase;
    recall.probe = "p";
    shown_.BeginMeasuring(stream, phase);
    shown_.Show(std::vector<RecallResult>{recall});
  }
  void MeasureDrift(const std::string& stream, int phase) {
    DriftResult drift;
    drift.phase = phase;
    drift.probe = "p";
    drift.reference = "parent";
    for (AngleDistribution* angles :
         {&drift.self_angle_change_image, &drift.self_angle_change_text,
          &drift.rotation_image, &drift.rotation_text, &drift.rotation_gap,
          &drift.cross_angle_change}) {
      angles->counts.assign(180, 1);
    }
    shown_.BeginMeasuring(stream, phase);
    shown_.Show(std::vector<DriftResult>{drift});
  }
  bool ShowsRecall(const std::string& stream, int phase) {
    return metrics_.Value("keel_recall_ratio", {{"stream", stream},
                                                {"phase", absl::StrCat(phase)},
                                                {"probe", "p"},
                                                {"direction", "image_to_text"},
                                                {"k", "1"}}) >= 0;
  }
  bool ShowsDrift(const std::string& stream, int phase) {
    const MetricLabels labels = {{"stream", stream},
                                 {"phase", absl::StrCat(phase)},
                                 {"probe", "p"},
                                 {"reference", "parent"},
                                 {"modality", "image"}};
    return metrics_.HistogramCount("keel_sd_rotation_degrees", labels) > 0 &&
           metrics_.Value("keel_sd_residual_degrees", labels) >= 0;
  }

  testing::RecordingMetrics metrics_;
  EvaluationSeries shown_{metrics_};
};

TEST_F(EvaluationSeriesTest, ShowsAllOfOneCheckpoint) {
  MeasureRecall("s", 1);
  MeasureDrift("s", 1);
  EXPECT_TRUE(ShowsRecall("s", 1));
  EXPECT_TRUE(ShowsDrift("s", 1));
}

TEST_F(EvaluationSeriesTest, ALaterCheckpointTakesThePlaceOfAnEarlierOne) {
  MeasureRecall("s", 1);
  MeasureDrift("s", 1);
  MeasureRecall("s", 2);
  EXPECT_FALSE(ShowsRecall("s", 1));
  EXPECT_FALSE(ShowsDrift("s", 1));
  EXPECT_TRUE(ShowsRecall("s", 2));
}

TEST_F(EvaluationSeriesTest, AnEarlierCheckpointTakesNoLaterOnesPlace) {
  MeasureRecall("s", 1);
  MeasureRecall("s", 0);
  EXPECT_TRUE(ShowsRecall("s", 1));
  EXPECT_FALSE(ShowsRecall("s", 0));
}

TEST_F(EvaluationSeriesTest, AnotherStreamTakesTheirPlace) {
  MeasureDrift("s", 1);
  MeasureRecall("t", 1);
  EXPECT_FALSE(ShowsDrift("s", 1));
  EXPECT_TRUE(ShowsRecall("t", 1));
}

TEST_F(EvaluationSeriesTest, TheyStayWhileTheNextPhaseTrains) {
  MeasureDrift("s", 1);
  shown_.BeginTraining("s", /*parent=*/1);
  EXPECT_TRUE(ShowsDrift("s", 1));
}

TEST_F(EvaluationSeriesTest, AGroupThatStartsFromAnotherCheckpointDropsThem) {
  MeasureDrift("s", 1);
  shown_.BeginTraining("s", /*parent=*/2);  // others measured 2
  EXPECT_FALSE(ShowsDrift("s", 1));
  MeasureDrift("s", 3);
  shown_.BeginTraining("s", /*parent=*/2);  // a retry of 3
  EXPECT_FALSE(ShowsDrift("s", 3));
  MeasureDrift("s", 3);
  EXPECT_TRUE(ShowsDrift("s", 3));
  shown_.BeginTraining("t", /*parent=*/3);
  EXPECT_FALSE(ShowsDrift("s", 3));
}

}  // namespace
}  // namespace keel
