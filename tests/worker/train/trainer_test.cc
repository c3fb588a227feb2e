// Whole phases through the executor, as the agent runs them.
#include "worker/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "common/file_system.h"
#include "common/plan/accounting_hash.h"
#include "common/plan/phase_schedule.h"
#include "tests/testing/recording_metrics.h"
#include "tests/worker/train/phase_harness.h"
#include "tests/worker/train/small_model.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/train/phase_state.h"
#include "worker/train/schedule.h"

namespace keel {
namespace {

using enum ArtifactKind;
using ::testing::HasSubstr;

constexpr int64_t kSteps = 21;

class TrainerTest : public ::testing::Test {
 protected:
  void TrainParent() { parent_ = harness_.TrainParent(); }

  PhaseHarness::Result Train(int world_size) {
    PhaseHarness::Result result = harness_.Train(world_size);
    EXPECT_EQ(result.reports.size(), kSteps);
    return result;
  }

  static void ExpectSameRun(const PhaseHarness::Result& a,
                            const PhaseHarness::Result& b) {
    PhaseHarness::ExpectLosses(b, a, 1e-5);
    EXPECT_LT(PhaseHarness::WeightError(b.Weights(kResult, kSteps),
                                        a.Weights(kResult, kSteps)),
              1e-5);
  }

  // What was trained is what the schedule of `options`, whose other numbers
  // are the job's, asks for.
  void ExpectHashesOf(const PhaseHarness::Result& result,
                      PhaseSchedule::Options options) {
    const TrainConfig& train = harness_.job.config.train;
    options.seed = train.seed;
    options.phase = harness_.job.phase;
    options.global_batch = train.global_batch;
    options.epochs = train.epochs;
    const auto schedule = PhaseSchedule::Create(options);
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    const uint64_t key = AccountingKey(options.seed, options.phase);
    for (const StepReport& report : result.reports) {
      AccountingHash expected;
      const int epoch = schedule->EpochOfStep(report.step);
      for (int64_t sample : schedule->SamplesOfStep(report.step)) {
        const SampleRef& ref = harness_.job.samples[0].samples[sample];
        const int caption = schedule->CaptionOf(
            epoch, sample, static_cast<int>(ref.captions.size()));
        expected += HashRow(key, epoch, sample, ref.image_digest,
                            ref.captions[caption].digest);
      }
      EXPECT_EQ((AccountingHash{report.hash_low, report.hash_high}), expected)
          << report.step;
    }
  }

  PhaseHarness harness_;
  PhaseHarness::Result parent_;
};

TEST_F(TrainerTest, LearnsAndReportsEveryStep) {
  const auto result = Train(1);
  const LearningRateSchedule rates(1e-3, 0.2, kSteps);
  for (int64_t i = 0; i < kSteps; ++i) {
    const StepReport& report = result.reports[i];
    EXPECT_EQ(report.step, i);
    EXPECT_EQ(report.sample_count, 10);
    EXPECT_EQ(report.learning_rate, rates.At(i));
    EXPECT_GT(report.seconds, 0);
    EXPECT_EQ(report.loss_distill, 0);
    EXPECT_FALSE(report.agreement_image.has_value());
  }
  EXPECT_LT(result.reports.back().loss_total,
            0.9 * result.reports.front().loss_total);
  EXPECT_NE(result.Model(kInitial, 0), result.Model(kResult, kSteps));
}

TEST_F(TrainerTest, InitialWeightsAreNoPhasesResult) {
  harness_.job.phase = 1;
  harness_.job.attempt = 2;
  const auto result = Train(1);
  const auto manifest = [&result](ArtifactKind kind, int64_t steps) {
    for (const LocalFile& file : result.Files(kind, steps)) {
      if (file.name == kManifestFile) return *ReadFile(file.path);
    }
    return std::string();
  };
  EXPECT_THAT(manifest(kInitial, 0), HasSubstr(R"("phase": 0)"));
  EXPECT_THAT(manifest(kInitial, 0), HasSubstr(R"("attempt": 0)"));
  EXPECT_THAT(manifest(kResult, kSteps), HasSubstr(R"("phase": 1)"));
  EXPECT_THAT(manifest(kResult, kSteps), HasSubstr(R"("attempt": 2)"));
}

TEST_F(TrainerTest, DoesNotDependOnTheNumberOfWorkers) {
  const auto one = Train(1);
  ExpectSameRun(one, Train(2));
  ExpectSameRun(one, Train(3));
}

TEST_F(TrainerTest, WithATeacherDoesNotDependOnTheNumberOfWorkers) {
  TrainParent();
  const auto one = Train(1);
  EXPECT_GT(one.reports.back().loss_distill, 0);
  EXPECT_GT(one.reports.back().agreement_image.value(), 0);
  ExpectSameRun(one, Train(2));
  ExpectSameRun(one, Train(3));
}

TEST_F(TrainerTest, LossWithDistilledLogitsDoesNotDependOnTheWorkers) {
  TrainParent();
  harness_.job.config.method.name = "lwf";
  harness_.job.config.method.alpha = 1.5;
  const auto one = Train(1);
  for (const StepReport& report : one.reports) {
    EXPECT_GT(report.loss_distill, 0);
    EXPECT_NEAR(report.loss_total,
                report.loss_contrastive + 1.5 * report.loss_distill,
                1e-6 * report.loss_total);
  }
  ExpectSameRun(one, Train(3));
}

TEST_F(TrainerTest, SameSeedAndWorldGiveEqualBits) {
  const auto first = Train(2);
  const auto second = Train(2);
  EXPECT_EQ(first.Model(kResult, kSteps), second.Model(kResult, kSteps));
  EXPECT_EQ(first.Model(kInitial, 0), second.Model(kInitial, 0));
}

TEST_F(TrainerTest, TeacherCacheChangesNoBit) {
  TrainParent();
  const auto cached = Train(2);
  harness_.options.teacher_cache_bytes = 0;
  const auto live = Train(2);
  EXPECT_EQ(cached.Model(kResult, kSteps), live.Model(kResult, kSteps));
}

TEST_F(TrainerTest, ResumedRunEndsWithTheBitsOfAnUninterruptedOne) {
  TrainParent();
  const auto whole = Train(2);
  const auto stopped = harness_.Run(2, 8);
  EXPECT_TRUE(absl::IsCancelled(stopped.statuses[0])) << stopped.statuses[0];
  EXPECT_TRUE(absl::IsAborted(stopped.statuses[1])) << stopped.statuses[1];
  const int64_t at = static_cast<int64_t>(stopped.reports.size());
  harness_.job.resume_files = stopped.Files(kResumePoint, at);
  harness_.job.start_step = at;
  harness_.job.generation = 2;
  const auto resumed = harness_.Run(2);
  ASSERT_TRUE(resumed.statuses[0].ok()) << resumed.statuses[0];
  EXPECT_EQ(resumed.reports.front().step, at);
  EXPECT_EQ(resumed.reports.front().loss_total, whole.reports[at].loss_total);
  EXPECT_EQ(resumed.Model(kResult, kSteps), whole.Model(kResult, kSteps));
}

TEST_F(TrainerTest, LoadingTheStateIsCancelledBetweenTwoFiles) {
  TrainParent();
  int asked = 0;
  const auto second = [&asked] { return ++asked == 2; };
  EXPECT_TRUE(absl::IsCancelled(
      LoadPhaseState(harness_.job, at::kCPU, second).status()));
}

TEST_F(TrainerTest, RefusesAResumePointOfAnotherStep) {
  const auto stopped = harness_.Run(1, 3);
  const int64_t at = static_cast<int64_t>(stopped.reports.size());
  harness_.job.resume_files = stopped.Files(kResumePoint, at);
  harness_.job.start_step = at + 1;
  EXPECT_TRUE(absl::IsFailedPrecondition(harness_.Run(1).statuses[0]));
}

TEST_F(TrainerTest, AccountingHashesAreThoseOfThePlan) {
  ExpectHashesOf(Train(2), {.sample_count = 30});
}

TEST_F(TrainerTest, ReplaysSamplesBesideThePlannedOnes) {
  harness_.Replay(9, 4);  // of 30: 21 planned, three steps an epoch
  const auto one = Train(1);
  for (const StepReport& report : one.reports) {
    EXPECT_EQ(report.sample_count, 7 + 4);
  }
  ExpectHashesOf(
      one, {.sample_count = 21, .replay_count = 9, .replay_per_batch = 4});
  const auto three = Train(3);
  ExpectSameRun(one, three);
  ExpectHashesOf(
      three, {.sample_count = 21, .replay_count = 9, .replay_per_batch = 4});
}

TEST_F(TrainerTest, StrikesAReplayedSampleEachTimeButCountsItOnce) {
  harness_.AddBrokenSample();
  harness_.Replay(5, 2);  // of 31: 26 planned
  harness_.job.config.max_struck_fraction = 0.04;
  const auto result = Train(2);
  int64_t struck = 0;
  for (const StepReport& report : result.reports) {
    for (const StruckSample& sample : report.struck) {
      EXPECT_EQ(sample.sample, 30);
      ++struck;
    }
  }
  // By docs/formats/accounting.md: 21 steps, two of the five in each.
  EXPECT_EQ(struck, 5);
}

TEST_F(TrainerTest, StrikesASampleThatDoesNotDecodeOnceAnEpoch) {
  harness_.AddBrokenSample();
  harness_.job.config.max_struck_fraction = 0.1;
  const auto result = harness_.Run(2);
  ASSERT_TRUE(result.statuses[0].ok()) << result.statuses[0];
  int64_t rows = 0;
  std::vector<StruckSample> struck;
  for (const StepReport& report : result.reports) {
    rows += report.sample_count;
    struck.insert(struck.end(), report.struck.begin(), report.struck.end());
  }
  EXPECT_EQ(rows, 7 * 30);
  ASSERT_EQ(struck.size(), 7u);
  for (const StruckSample& sample : struck) {
    EXPECT_EQ(sample.sample, 30);
    EXPECT_EQ(sample.reason, "IMAGE_DECODE");
  }
}

TEST_F(TrainerTest, FailsThePhaseOnAllMembersWhenTooManyAreStruck) {
  harness_.AddBrokenSample();
  const auto result = harness_.Run(3);
  for (const absl::Status& status : result.statuses) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(status.message().find("30 (IMAGE_DECODE)"), std::string::npos)
        << status;
  }
  EXPECT_EQ(result.uploads.count({kResult, 28}), 0u);
}

TEST_F(TrainerTest, FailsThePhaseWhenTheLossIsNotFinite) {
  harness_.job.config.train.lr = 1e30;
  harness_.job.config.train.warmup = 0;
  const auto result = harness_.Run(3);
  for (const absl::Status& status : result.statuses) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  }
  for (const StepReport& report : result.reports) {
    EXPECT_TRUE(std::isfinite(report.loss_total));
  }
}

TEST_F(TrainerTest, AbortsOnAllMembersWhenOneCannotReadItsData) {
  harness_.FailReads(1, absl::UnavailableError("the coordinator is away"));
  const auto result = harness_.Run(2);
  EXPECT_TRUE(absl::IsAborted(result.statuses[0])) << result.statuses[0];
  EXPECT_TRUE(absl::IsAborted(result.statuses[1])) << result.statuses[1];
}

TEST_F(TrainerTest, ACancelledMemberLeavesAHangingGroupAtOnce) {
  harness_.options.collective_timeout = absl::Hours(1);
  const auto result = harness_.RunWithHangingPeer();
  EXPECT_TRUE(absl::IsAborted(result.statuses[0]) ||
              absl::IsCancelled(result.statuses[0]))
      << result.statuses[0];
  EXPECT_FALSE(result.statuses[1].ok());
  EXPECT_TRUE(result.reports.empty());
}

TEST_F(TrainerTest, WritesResumePointsWhileItTrains) {
  harness_.job.config.resume_every = absl::ZeroDuration();
  const auto result = Train(1);
  int64_t points = 0;
  for (const auto& [key, files] : result.uploads) {
    points += key.first == kResumePoint ? 1 : 0;
  }
  EXPECT_GE(points, 1);
}

TEST_F(TrainerTest, LiveDriftChangesNoBitAndIsMeasuredByMemberZero) {
  TrainParent();
  const std::string expected = Train(2).Model(kResult, kSteps);
  testing::RecordingMetrics metrics;
  harness_.metrics = &metrics;
  harness_.job.config.drift = {.live_every_steps = 10, .live_samples = 20};
  harness_.job.live_samples = harness_.job.samples;
  EXPECT_EQ(Train(2).Model(kResult, kSteps), expected);
  EXPECT_GT(metrics.Value("keel_sd_live_degrees", {{"measure", "rotation"},
                                                   {"modality", "image"},
                                                   {"stat", "mean"}}),
            0);
  // Of 21 steps, the 10th and the 20th.
  EXPECT_EQ(metrics.HistogramCount("keel_step_duration_seconds",
                                   {{"stage", "live_drift"}}),
            2);
}

TEST_F(TrainerTest, LiveDriftThatFailsDoesNotFailThePhase) {
  TrainParent();
  testing::RecordingMetrics metrics;
  harness_.metrics = &metrics;
  harness_.job.config.drift = {.live_every_steps = 10, .live_samples = 20};
  harness_.job.live_samples = harness_.job.samples;
  harness_.job.live_samples[0].chunk_digest = "nowhere";
  Train(1);
  EXPECT_EQ(metrics.HistogramCount("keel_step_duration_seconds",
                                   {{"stage", "live_drift"}}),
            0);
}

// The published weights are computed here again, in double precision.
TEST_F(TrainerTest, InterpolatesTowardsTheParentAtTheEnd) {
  TrainParent();
  const ClipModel parent = parent_.Weights(kResult, 6);
  const ClipModel trained = Train(1).Weights(kResult, kSteps);
  harness_.job.config.method.interpolate = 0.3;
  const ClipModel mixed = Train(1).Weights(kResult, kSteps);
  for (const NamedTensor& p : mixed.parameters()) {
    const at::Tensor from = parent.Get(p.name).to(at::kDouble);
    const at::Tensor to = trained.Get(p.name).to(at::kDouble);
    const at::Tensor expected = 0.7 * from + 0.3 * to;
    EXPECT_LE((p.tensor.to(at::kDouble) - expected).abs().max().item<double>(),
              1e-7 * (1 + expected.abs().max().item<double>()))
        << p.name;
  }
  EXPECT_NE(trained.logit_scale().item<double>(),
            mixed.logit_scale().item<double>());
}

TEST_F(TrainerTest, InterpolatesAfterAResumeToo) {
  TrainParent();
  harness_.job.config.method.interpolate = 0.3;
  const auto whole = Train(1);
  const auto stopped = harness_.Run(1, 8);
  const int64_t at = static_cast<int64_t>(stopped.reports.size());
  harness_.job.resume_files = stopped.Files(kResumePoint, at);
  harness_.job.start_step = at;
  const auto resumed = harness_.Run(1);
  ASSERT_TRUE(resumed.statuses[0].ok()) << resumed.statuses[0];
  EXPECT_EQ(resumed.Model(kResult, kSteps), whole.Model(kResult, kSteps));
}

TEST_F(TrainerTest, InterpolatesNothingWithoutAParent) {
  const auto plain = Train(1);
  harness_.job.config.method.interpolate = 0.3;
  const auto mixed = Train(1);
  EXPECT_EQ(mixed.Model(kResult, kSteps), plain.Model(kResult, kSteps));
}

TEST_F(TrainerTest, TrainsInBfloat16NearlyAsInFp32) {
  const auto fp32 = Train(2);
  harness_.job.config.train.precision = Precision::kBf16;
  const auto bf16 = Train(2);
  EXPECT_NE(fp32.reports[0].loss_total, bf16.reports[0].loss_total);
  PhaseHarness::ExpectLosses(bf16, fp32, 0.05);
}

}  // namespace
}  // namespace keel
