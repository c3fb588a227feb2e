#include "worker/train/evaluator.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_train_context.h"
#include "tests/testing/recording_metrics.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/train/phase_harness.h"

namespace keel {
namespace {

class EvaluatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    harness_.job.config.train.epochs = 4;
    trained_ = harness_.Run(1);
    ASSERT_TRUE(trained_.statuses[0].ok()) << trained_.statuses[0];
  }

  std::vector<ProbeSet> Probes() { return {{"probe", harness_.job.samples}}; }

  EvaluationEnvironment Environment() {
    return {context_, shown_, tokenizer_, at::Device(at::kCPU)};
  }

  PhaseHarness harness_;
  PhaseHarness::Result trained_;
  FakeChunks chunks_;
  // The same pictures as the harness's.
  std::vector<SampleList> samples_ = FillWithPictures(chunks_, 30);
  testing::FakeTaskContext context_{chunks_};
  testing::RecordingMetrics metrics_;
  EvaluationSeries shown_{metrics_};
  Tokenizer tokenizer_;
};

TEST_F(EvaluatorTest, MeasuresRecallOfEachProbeSet) {
  EvaluateJob job;
  job.stream = "s";
  job.phase = 2;
  job.config = harness_.job.config;
  job.files = trained_.Files(ArtifactKind::kResult, 12);
  job.probes = Probes();
  auto results = EvaluateRecall(job, Environment());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 1u);
  const RecallResult& recall = results->front();
  EXPECT_EQ(recall.phase, 2);
  EXPECT_EQ(recall.probe, "probe");
  EXPECT_EQ(recall.sample_count, 30);
  EXPECT_EQ(recall.caption_count, 60);
  EXPECT_LE(recall.image_to_text[0], recall.image_to_text[2]);
  EXPECT_EQ(metrics_.Value("keel_recall_ratio", {{"stream", "s"},
                                                 {"phase", "2"},
                                                 {"probe", "probe"},
                                                 {"direction", "image_to_text"},
                                                 {"k", "10"}}),
            recall.image_to_text[2]);
}

TEST_F(EvaluatorTest, MeasuresDriftAgainstAReference) {
  DriftJob job;
  job.stream = "s";
  job.phase = 1;
  job.reference = "parent";
  job.config = harness_.job.config;
  job.files = trained_.Files(ArtifactKind::kResult, 12);
  job.reference_files = trained_.Files(ArtifactKind::kInitial, 0);
  job.probes = Probes();
  auto results = EvaluateDrift(job, Environment());
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 1u);
  EXPECT_EQ(results->front().reference, "parent");
  EXPECT_GT(results->front().rotation_text.mean, 0);
  EXPECT_EQ(metrics_.HistogramCount("keel_sd_rotation_degrees",
                                    {{"stream", "s"},
                                     {"phase", "1"},
                                     {"probe", "probe"},
                                     {"reference", "parent"},
                                     {"modality", "text"}}),
            30);
}

TEST_F(EvaluatorTest, LeavesOutWhatIsTooSmallToMeasure) {
  DriftJob job;
  job.config = harness_.job.config;
  job.files = job.reference_files = trained_.Files(ArtifactKind::kResult, 12);
  job.probes = Probes();
  job.probes[0].samples[0].samples.resize(1);
  job.probes[0].samples.resize(1);
  auto results = EvaluateDrift(job, Environment());
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE(results->empty());
}

TEST_F(EvaluatorTest, DriftAgainstItselfIsZero) {
  DriftJob job;
  job.config = harness_.job.config;
  job.files = job.reference_files = trained_.Files(ArtifactKind::kResult, 12);
  job.probes = Probes();
  auto results = EvaluateDrift(job, Environment());
  ASSERT_TRUE(results.ok());
  EXPECT_LT(results->front().rotation_image.max, 1e-4);
  EXPECT_LT(results->front().self_angle_change_text.max, 1e-4);
}

TEST_F(EvaluatorTest, EndsWhenItIsStopped) {
  context_.Stop();
  EvaluateJob job;
  job.config = harness_.job.config;
  job.files = trained_.Files(ArtifactKind::kResult, 12);
  job.probes = Probes();
  EXPECT_TRUE(absl::IsCancelled(EvaluateRecall(job, Environment()).status()));
}

}  // namespace
}  // namespace keel
