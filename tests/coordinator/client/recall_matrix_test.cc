#include "coordinator/client/recall_matrix.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace keel {
namespace {

using ::testing::DoubleNear;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

v1::Recall Measured(int phase, const std::string& probe, double r5) {
  v1::Recall recall;
  recall.set_phase(phase);
  recall.set_probe(probe);
  recall.set_sample_count(100);
  if (probe == "phase-1") recall.set_origin(1);
  if (probe == "phase-2") recall.set_origin(2);
  recall.set_image_to_text_r5(r5 + 0.1);
  recall.set_text_to_image_r5(r5 - 0.1);
  recall.set_image_to_text_r1(0.01);
  recall.set_text_to_image_r10(0.99);
  return recall;
}

// Three probe sets of the domains of checkpoint 0, phase 1 and phase 2.
std::vector<v1::Recall> Measurements() {
  return {Measured(0, "old", 0.40),     Measured(0, "phase-1", 0.10),
          Measured(0, "phase-2", 0.12), Measured(1, "old", 0.30),
          Measured(1, "phase-1", 0.50), Measured(1, "phase-2", 0.20),
          Measured(2, "old", 0.15),     Measured(2, "phase-1", 0.45),
          Measured(2, "phase-2", 0.60)};
}

RecallMatrix Matrix(const std::vector<v1::Recall>& recalls) {
  return BuildRecallMatrix(recalls, 5, RecallDirection::kMean, {{"old", 0}});
}

auto Near(double value) { return Optional(DoubleNear(value, 1e-12)); }

TEST(RecallMatrixTest, PutsCheckpointsInRowsAndProbesInColumns) {
  const RecallMatrix matrix = Matrix(Measurements());
  EXPECT_EQ(matrix.phases, (std::vector<int>{0, 1, 2}));
  ASSERT_EQ(matrix.columns.size(), 3u);
  EXPECT_EQ(matrix.columns[0].probe, "old");
  EXPECT_EQ(matrix.columns[1].probe, "phase-1");
  EXPECT_EQ(matrix.columns[2].probe, "phase-2");
  EXPECT_THAT(matrix.cells[1][1], Near(0.50));
  EXPECT_THAT(matrix.cells[2][0], Near(0.15));
  EXPECT_THAT(matrix.means[2], Near(0.40));
}

TEST(RecallMatrixTest, ForgettingIsTheBestEarlierValueLessTheLast) {
  const RecallMatrix matrix = Matrix(Measurements());
  EXPECT_THAT(matrix.columns[0].forgetting, Near(0.25));
  EXPECT_THAT(matrix.columns[1].forgetting, Near(0.05));
  EXPECT_THAT(matrix.columns[2].forgetting, Near(-0.40));
  // The domain of the last phase is not in the mean.
  EXPECT_THAT(matrix.forgetting, Near(0.15));
}

TEST(RecallMatrixTest, BackwardTransferComparesWithTheOwnPhase) {
  const RecallMatrix matrix = Matrix(Measurements());
  EXPECT_THAT(matrix.columns[0].backward_transfer, Near(-0.25));
  EXPECT_THAT(matrix.columns[1].backward_transfer, Near(-0.05));
  // Its own phase is the last one.
  EXPECT_THAT(matrix.columns[2].backward_transfer, Eq(std::nullopt));
  EXPECT_THAT(matrix.backward_transfer, Near(-0.15));
}

TEST(RecallMatrixTest, ForwardTransferIsWhatOtherDomainsTaught) {
  const RecallMatrix matrix = Matrix(Measurements());
  EXPECT_THAT(matrix.columns[0].forward_transfer, Eq(std::nullopt));
  // Nothing was trained between the initial checkpoint and phase 1.
  EXPECT_THAT(matrix.columns[1].forward_transfer, Eq(std::nullopt));
  EXPECT_THAT(matrix.columns[2].forward_transfer, Near(0.08));
}

// Rows 1 and 2, columns phase-1 and phase-2: 0.50 and 0.60 on the diagonal.
TEST(RecallMatrixTest, MeansOverTimeAreThoseOfTheDiagonalBelowAndAboveIt) {
  const TimeContinual random = Matrix(Measurements()).time_continual;
  EXPECT_THAT(random.in_domain, Near(0.55));
  EXPECT_THAT(random.backward, Near(0.45));
  EXPECT_THAT(random.forward, Near(0.20));
  // An uploaded checkpoint 0 and what it knew belong to the matrix.
  const TimeContinual uploaded =
      BuildRecallMatrix(Measurements(), 5, RecallDirection::kMean, {{"old", 0}},
                        /*first_trained=*/0)
          .time_continual;
  EXPECT_THAT(uploaded.in_domain, Near(0.50));
  EXPECT_THAT(uploaded.backward, Near(0.30));
  EXPECT_THAT(uploaded.forward, Near(0.14));
  EXPECT_THAT(Matrix({Measured(1, "old", 0.4)}).time_continual.in_domain,
              Eq(std::nullopt));
}

TEST(RecallMatrixTest, NamesTheFirstModelThatWasTrained) {
  EXPECT_EQ(Matrix(Measurements()).frozen, 1);
  EXPECT_EQ(BuildRecallMatrix(Measurements(), 5, RecallDirection::kMean, {}, 0)
                .frozen,
            0);
  EXPECT_EQ(Matrix({Measured(0, "old", 0.4)}).frozen, std::nullopt);
  EXPECT_THAT(RecallTable(Matrix(Measurements())), HasSubstr("@1 (first)"));
}

TEST(RecallSummariesTest, CoverEveryDirectionAndK) {
  const auto summaries = SummarizeRecalls(Measurements(), {{"old", 0}}, 1);
  ASSERT_EQ(summaries.size(), 9u);
  EXPECT_EQ(summaries[4].direction, "image-to-text");
  EXPECT_EQ(summaries[4].k, 5);
  EXPECT_THAT(summaries[4].time_continual.in_domain, Near(0.65));
  EXPECT_THAT(summaries[4].forgetting, Near(0.15));
  EXPECT_THAT(summaries[8].time_continual.in_domain, Near(0.99));
  EXPECT_THAT(RecallSummaryTable(summaries),
              HasSubstr("image-to-text   5       65.0      55.0     30.0"));
}

TEST(RecallMatrixTest, LeavesOutWhatWasNotMeasured) {
  std::vector<v1::Recall> recalls = Measurements();
  recalls.erase(recalls.begin() + 3);  // "old" after phase 1
  const RecallMatrix matrix = Matrix(recalls);
  EXPECT_THAT(matrix.cells[1][0], Eq(std::nullopt));
  EXPECT_THAT(matrix.means[1], Near(0.35));
  EXPECT_THAT(matrix.columns[0].forgetting, Near(0.25));
}

TEST(RecallMatrixTest, HasNoForgettingWithOneRow) {
  const RecallMatrix matrix = Matrix({Measured(1, "old", 0.4)});
  EXPECT_THAT(matrix.columns[0].forgetting, Eq(std::nullopt));
  EXPECT_THAT(matrix.forgetting, Eq(std::nullopt));
}

TEST(RecallMatrixTest, HasNoTransferForProbesOfUnknownOrigin) {
  const RecallMatrix matrix = BuildRecallMatrix(
      Measurements(), 5, RecallDirection::kMean, /*origins=*/{});
  // Unknown origins come last.
  EXPECT_EQ(matrix.columns[2].probe, "old");
  EXPECT_THAT(matrix.columns[2].backward_transfer, Eq(std::nullopt));
  EXPECT_THAT(matrix.columns[2].forgetting, Near(0.25));
}

TEST(RecallMatrixTest, IsEmptyWithoutMeasurements) {
  const RecallMatrix matrix = Matrix({});
  EXPECT_TRUE(matrix.phases.empty());
  EXPECT_THAT(matrix.forgetting, Eq(std::nullopt));
}

TEST(RecallValueTest, ChoosesDirectionAndK) {
  const v1::Recall recall = Measured(1, "p", 0.5);
  EXPECT_DOUBLE_EQ(RecallValue(recall, 5, RecallDirection::kMean), 0.5);
  EXPECT_DOUBLE_EQ(RecallValue(recall, 5, RecallDirection::kImageToText), 0.6);
  EXPECT_DOUBLE_EQ(RecallValue(recall, 5, RecallDirection::kTextToImage), 0.4);
  EXPECT_DOUBLE_EQ(RecallValue(recall, 1, RecallDirection::kImageToText), 0.01);
  EXPECT_DOUBLE_EQ(RecallValue(recall, 10, RecallDirection::kTextToImage),
                   0.99);
}

TEST(RecallTableTest, ShowsPercentAndNamesTheInitialCheckpoint) {
  const std::string table = RecallTable(Matrix(Measurements()));
  EXPECT_THAT(table, HasSubstr("@0 (initial, never trained further)   40.0"));
  EXPECT_THAT(table, HasSubstr("forgetting"));
  EXPECT_THAT(table, HasSubstr("25.0"));
  EXPECT_THAT(table, HasSubstr("backward transfer"));
}

TEST(RecallJsonTest, GivesEverything) {
  const auto json = nlohmann::json::parse(
      RecallJson(Matrix(Measurements()), Measurements(),
                 SummarizeRecalls(Measurements(), {{"old", 0}}, 1), 5, "mean"));
  EXPECT_EQ(json["rows"].size(), 3u);
  EXPECT_NEAR(json["rows"][2]["values"]["old"], 0.15, 1e-12);
  EXPECT_NEAR(json["probes"][0]["forgetting"], 0.25, 1e-12);
  EXPECT_TRUE(json["probes"][2]["backward_transfer"].is_null());
  EXPECT_NEAR(json["time_continual"]["in_domain"], 0.55, 1e-12);
  EXPECT_EQ(json["frozen"], 1);
  EXPECT_EQ(json["summaries"].size(), 9u);
  EXPECT_FALSE(json["measurements"][0].contains("pooled"));
  EXPECT_EQ(json["measurements"].size(), 9u);
  EXPECT_NEAR(json["measurements"][0]["image_to_text"]["5"], 0.5, 1e-12);
}

v1::Recall Detailed() {
  v1::Recall recall = Measured(2, "animals", 0.4);
  recall.set_caption_count(500);
  recall.set_r5_low(0.35);
  recall.set_r5_high(0.46);
  recall.set_image_to_text_median_rank(7);
  recall.set_text_to_image_median_rank(8.5);
  recall.set_image_to_text_mean_rank(12.25);
  recall.set_text_to_image_mean_rank(13);
  recall.set_modality_gap(0.8125);
  recall.set_effective_rank_image(90.5);
  recall.set_effective_rank_text(80);
  recall.set_pool_sample_count(1300);
  recall.set_pooled_image_to_text_r5(0.2);
  recall.set_pooled_text_to_image_r5(0.1);
  return recall;
}

TEST(RecallDetailTableTest, ShowsWhatTheMatrixLeavesOut) {
  const std::string table =
      RecallDetailTable({Measured(1, "older", 0.2), Detailed()});
  for (const char* cell :
       {"500", "1.0 50.0 0.0", "35.0-46.0", "7.0 / 8.5", "12.2 / 13.0",
        "15.0 (1,300)", "0.812", "90.5 / 80.0"}) {
    EXPECT_THAT(table, HasSubstr(cell));
  }
}

TEST(RecallReportTest, HasTheMeasurementsOfOneCheckpoint) {
  const auto report = nlohmann::json::parse(
      RecallReport("s", 2, {Measured(1, "animals", 0.2), Detailed()}));
  EXPECT_EQ(report["stream"], "s");
  EXPECT_EQ(report["checkpoint"], 2);
  ASSERT_EQ(report["measurements"].size(), 1u);
  const auto& one = report["measurements"][0];
  EXPECT_EQ(one["probe"], "animals");
  EXPECT_EQ(one["caption_count"], 500);
  EXPECT_EQ(one["r5_interval"][1], 0.46);
  EXPECT_EQ(one["median_rank"]["text_to_image"], 8.5);
  EXPECT_EQ(one["pooled"]["sample_count"], 1300);
  EXPECT_EQ(one["pooled"]["image_to_text"]["5"], 0.2);
  EXPECT_EQ(one["effective_rank"]["text"], 80);
}

TEST(ParseOriginsTest, TakesProbeAndPhase) {
  const auto origins = ParseOrigins({"birds=2", "a=b=0"});
  ASSERT_TRUE(origins.ok());
  EXPECT_EQ(origins->at("birds"), 2);
  EXPECT_EQ(origins->at("a=b"), 0);
}

TEST(ParseOriginsTest, RefusesOtherTexts) {
  for (const char* text : {"birds", "=2", "birds=", "birds=-1", "birds=x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseOrigins({text}).status())) << text;
  }
}

}  // namespace
}  // namespace keel
