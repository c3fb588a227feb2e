#include "worker/train/live_drift.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

#include "tests/testing/recording_metrics.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/train/small_model.h"

namespace keel {
namespace {

class LiveDriftTest : public ::testing::Test {
 protected:
  double Live(const std::string& measure, const std::string& modality,
              const std::string& stat) {
    return metrics_.Value(
        "keel_sd_live_degrees",
        {{"measure", measure}, {"modality", modality}, {"stat", stat}});
  }

  FakeChunks chunks_;
  std::vector<SampleList> samples_ = FillWithPictures(chunks_, 70);
  Tokenizer tokenizer_;
  testing::RecordingMetrics metrics_;
  SampleSource source_{.chunks = chunks_, .tokenizer = tokenizer_};
  ClipModel parent_ = SmallModel(1);
  ClipModel student_ = SmallModel(2);
};

TEST_F(LiveDriftTest, IsWhatTheEvaluationAfterThePhaseWouldMeasure) {
  const auto live = LiveDrift::Create(parent_, samples_, source_);
  ASSERT_TRUE(live.ok()) << live.status();
  ASSERT_TRUE((*live)->Measure(student_, metrics_, {}).ok());
  const auto before = EmbedSamples(parent_, samples_, source_);
  const auto after = EmbedSamples(student_, samples_, source_);
  const auto drift =
      MeasureSpatialDisorder(before->embeddings, after->embeddings);
  ASSERT_TRUE(drift.ok()) << drift.status();
  const auto expect = [this](const char* measure, const char* modality,
                             const AngleDistribution& angles) {
    EXPECT_NEAR(Live(measure, modality, "mean"), angles.mean, 1e-6) << measure;
    EXPECT_NEAR(Live(measure, modality, "p95"), angles.p95, 1e-3) << measure;
  };
  expect("rotation", "image", drift->rotation_image);
  expect("rotation", "text", drift->rotation_text);
  expect("rotation_gap", "both", drift->rotation_gap);
  expect("cross_angle_change", "both", drift->cross_angle_change);
  expect("self_angle_change", "image", drift->self_angle_change_image);
  expect("self_angle_change", "text", drift->self_angle_change_text);
  EXPECT_GT(drift->rotation_image.mean, 1);
  const auto expect_fit = [this](const char* measure, const char* modality,
                                 double degrees) {
    EXPECT_NEAR(Live(measure, modality, "mean"), degrees, 1e-6) << measure;
    EXPECT_GT(degrees, 1) << measure;
  };
  expect_fit("deviation", "both", drift->deviation_degrees);
  expect_fit("deviation_floor", "both", drift->deviation_floor_degrees);
  expect_fit("residual", "image", drift->residual_image_degrees);
  expect_fit("residual", "text", drift->residual_text_degrees);
}

TEST_F(LiveDriftTest, LeavesOutFitsThatMeanNothing) {
  // Twice the width of SmallModel's embeddings less one.
  const auto live =
      LiveDrift::Create(parent_, FixedSample(samples_, 31), source_);
  ASSERT_TRUE(live.ok()) << live.status();
  ASSERT_TRUE((*live)->Measure(student_, metrics_, {}).ok());
  EXPECT_GT(Live("rotation", "image", "mean"), 1);
  EXPECT_EQ(Live("deviation", "both", "mean"), -1);
  EXPECT_EQ(Live("deviation_floor", "both", "mean"), -1);
  EXPECT_EQ(Live("residual", "image", "mean"), -1);
}

TEST_F(LiveDriftTest, ReadsNothingAndChangesNothingWhenItMeasures) {
  const auto live = LiveDrift::Create(parent_, samples_, source_);
  ASSERT_TRUE(live.ok()) << live.status();
  const int64_t reads = chunks_.read_count();
  const ClipModel untouched = SmallModel(2);
  ASSERT_TRUE((*live)->Measure(student_, metrics_, {}).ok());
  EXPECT_EQ(chunks_.read_count(), reads);
  for (const NamedTensor& p : student_.parameters()) {
    EXPECT_TRUE(at::equal(p.tensor, untouched.Get(p.name))) << p.name;
    EXPECT_FALSE(p.tensor.grad().defined()) << p.name;
    EXPECT_TRUE(p.tensor.requires_grad()) << p.name;
  }
}

TEST_F(LiveDriftTest, NamesWhatItCannotMeasure) {
  const auto live = LiveDrift::Create(parent_, samples_, source_);
  ASSERT_TRUE(live.ok()) << live.status();
  EXPECT_TRUE(absl::IsCancelled(
      (*live)->Measure(student_, metrics_, [] { return true; })));
  for (const NamedTensor& p : student_.parameters()) {
    p.tensor.detach().fill_(std::numeric_limits<float>::quiet_NaN());
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument((*live)->Measure(student_, metrics_, {})));
  samples_[0].samples.resize(1);
  EXPECT_TRUE(absl::IsInvalidArgument(
      LiveDrift::Create(parent_, samples_, source_).status()));
}

TEST_F(LiveDriftTest, GoesWithItsSeries) {
  const auto live = LiveDrift::Create(parent_, samples_, source_);
  ASSERT_TRUE(live.ok()) << live.status();
  ASSERT_TRUE((*live)->Measure(student_, metrics_, {}).ok());
  LiveDrift::Remove(metrics_);
  EXPECT_EQ(Live("rotation", "image", "mean"), -1);
}

TEST_F(LiveDriftTest, TheSampleDependsOnTheImagesOnly) {
  samples_.push_back({"other", {samples_[0].samples[5]}});
  samples_[0].samples.erase(samples_[0].samples.begin() + 5);
  const auto keys = [](const std::vector<SampleList>& lists) {
    std::set<std::string> all;
    for (const SampleList& list : lists) {
      for (const SampleRef& sample : list.samples) all.insert(sample.key);
    }
    return all;
  };
  const auto few = keys(FixedSample(samples_, 10));
  EXPECT_EQ(few.size(), 10u);
  std::swap(samples_[0], samples_[1]);
  EXPECT_EQ(keys(FixedSample(samples_, 10)), few);
  for (const std::string& key : few) {
    EXPECT_TRUE(keys(FixedSample(samples_, 20)).contains(key));
  }
  EXPECT_EQ(keys(FixedSample(samples_, 1000)).size(), 70u);
}

}  // namespace
}  // namespace keel
