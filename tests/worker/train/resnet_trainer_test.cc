// Phases of a ResNet, whose BatchNorm ties the rows of a batch together.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/train/phase_harness.h"
#include "worker/train/trainer.h"

namespace keel {
namespace {

using enum ArtifactKind;
using testing::TensorError;

constexpr int64_t kResNetSteps = 21;

class ResNetTrainerTest : public ::testing::Test {
 protected:
  ResNetTrainerTest() {
    // 64 px leave 2 x 2 places to pool.
    harness_.job.config.model.vision = {
        .image_size = 64, .width = 8, .heads = 4, .blocks = {1, 1, 1, 1}};
    harness_.job.config.train.lr = TrainConfig().lr;
  }

  PhaseHarness::Result Train(int world_size) {
    return harness_.Train(world_size);
  }

  static double LossError(const PhaseHarness::Result& a,
                          const PhaseHarness::Result& b, size_t step) {
    return std::abs(b.reports[step].loss_total / a.reports[step].loss_total -
                    1);
  }

  // What of `b` is not as in `a`; empty: the two are the same run.
  std::string Difference(const PhaseHarness::Result& a,
                         const PhaseHarness::Result& b) const {
    std::string difference;
    const auto bound = [&](const std::string& name, double error, double most) {
      // Written so that NaN is beyond.
      if (error <= most) return;
      absl::StrAppend(&difference, name, " ", error, " of ", most, "; ");
    };
    for (size_t i = 0; i < a.reports.size(); ++i) {
      bound(absl::StrCat("loss ", i), LossError(a, b, i), 1e-5);
    }
    const int64_t steps = static_cast<int64_t>(a.reports.size());
    const ClipModel expected = a.Weights(kResult, steps);
    const ClipModel actual = b.Weights(kResult, steps);
    // At a smaller rate they move less.
    bound("weights", PhaseHarness::WeightError(actual, expected),
          1e-5 * harness_.job.config.train.lr / TrainConfig().lr);
    for (const NamedTensor& t : expected.buffers()) {
      // By their largest elements, not norm-wise.
      bound(t.name, TensorError(actual.Get(t.name), t.tensor), 1e-4);
    }
    return difference;
  }

  // What no chance explains. The first update is one at rate 0: two losses are
  // those of the first weights.
  static void ExpectSameStart(const PhaseHarness::Result& a,
                              const PhaseHarness::Result& b) {
    ASSERT_EQ(a.reports.size(), b.reports.size());
    for (size_t i = 0; i < b.reports.size(); ++i) {
      EXPECT_TRUE(std::isfinite(b.reports[i].loss_total)) << i;
    }
    for (size_t i : {0, 1}) EXPECT_LE(LossError(a, b, i), 1e-5) << i;
  }

  // Trains on one worker and on those many. Where a ReLU's input is zero but
  // for rounding, two runs may go apart later (docs/training.md): then with
  // another of the seeds. step_test.cc compares in float64.
  void ExpectSameRun(const std::vector<int>& worlds,
                     const std::vector<uint64_t>& seeds = {5, 6, 7}) {
    std::string differences;
    for (uint64_t seed : seeds) {
      harness_.job.config.train.seed = seed;
      const auto one = Train(1);
      std::string difference;
      for (int world : worlds) {
        const auto other = Train(world);
        ExpectSameStart(one, other);
        if (HasFatalFailure()) return;
        difference += Difference(one, other);
      }
      if (difference.empty()) return;
      const std::string line =
          absl::StrCat("seed ", seed, ": ", difference, "\n");
      std::cout << line;
      differences += line;
    }
    ADD_FAILURE() << differences;
  }

  static void ExpectSameBuffers(const ClipModel& a, const ClipModel& b) {
    for (const NamedTensor& t : a.buffers()) {
      EXPECT_TRUE(at::equal(b.Get(t.name), t.tensor)) << t.name;
    }
  }

  PhaseHarness harness_;
};

TEST_F(ResNetTrainerTest, DoesNotDependOnTheNumberOfWorkers) {
  ExpectSameRun({2, 3});
}

// Where AdamW does not make up for gradients of another scale.
TEST_F(ResNetTrainerTest, DoesNotDependOnThemWithALargeEpsilonEither) {
  harness_.job.config.train.epsilon = 1e-3;
  ExpectSameRun({2, 3});
}

// A flip moves a weight by a step at most, which is too small here to matter:
// no second seed.
TEST_F(ResNetTrainerTest, DoesNotDependOnThemAtASmallRateEither) {
  harness_.job.config.train.lr = 1e-5;
  ExpectSameRun({2, 3}, {5});
}

TEST_F(ResNetTrainerTest, CountsEachBatchOnce) {
  for (int world : {1, 3}) {
    const auto result = Train(world);
    EXPECT_EQ(result.reports.size(), kResNetSteps);
    EXPECT_EQ(result.Weights(kResult, kResNetSteps)
                  .Get("visual.bn1.num_batches_tracked")
                  .item<int64_t>(),
              kResNetSteps);
  }
}

TEST_F(ResNetTrainerTest, AMemberWithoutRowsTakesPart) {
  harness_.job.config.train.global_batch = 2;
  harness_.job.config.train.epochs = 1;
  ExpectSameRun({3});
}

TEST_F(ResNetTrainerTest, ResumedRunEndsWithTheBitsOfAnUninterruptedOne) {
  const auto whole = Train(2);
  const auto stopped = harness_.Run(2, 8);
  const int64_t at = static_cast<int64_t>(stopped.reports.size());
  harness_.job.resume_files = stopped.Files(kResumePoint, at);
  harness_.job.start_step = at;
  harness_.job.generation = 2;
  EXPECT_EQ(Train(2).Model(kResult, kResNetSteps),
            whole.Model(kResult, kResNetSteps));
}

TEST_F(ResNetTrainerTest, AgreesWithItsTeacherAtTheStart) {
  const auto parent = harness_.TrainParent();
  const auto result = Train(2);
  EXPECT_LT(result.reports[0].loss_distill, 1e-9);
  EXPECT_GT(result.reports.back().loss_distill, 1e-6);
  ExpectSameBuffers(parent.Weights(kResult, 6),
                    result.Weights(kResult, kResNetSteps));
}

TEST_F(ResNetTrainerTest, ByTheBatchItDoesNotAgreeWithItsTeacher) {
  harness_.TrainParent();
  harness_.job.config.train.batch_norm = BatchNormMode::kSync;
  // At the default rate two seeds of three go apart on some processors;
  // step_test.cc compares such steps at 1e-3, in float64.
  harness_.job.config.train.lr = 1e-5;
  const auto result = Train(2);
  EXPECT_GT(result.reports[0].loss_distill, 1e-6);
  EXPECT_EQ(result.Weights(kResult, kResNetSteps)
                .Get("visual.bn1.num_batches_tracked")
                .item<int64_t>(),
            6 + kResNetSteps);
  ExpectSameRun({2}, {5});
}

// A parent of random weights, as method joint has it in each phase of a stream
// that starts from them, has no statistics to freeze.
TEST_F(ResNetTrainerTest, LearnsStatisticsAfterAParentWithoutAny) {
  const auto first = Train(1);
  harness_.job.parent = 0;
  harness_.job.parent_files = first.Files(kInitial, 0);
  harness_.job.config.method.name = "joint";
  const auto again = Train(1);
  EXPECT_EQ(again.Weights(kResult, kResNetSteps)
                .Get("visual.bn1.num_batches_tracked")
                .item<int64_t>(),
            kResNetSteps);
  EXPECT_EQ(again.reports.back().loss_total, first.reports.back().loss_total);
}

TEST_F(ResNetTrainerTest, FrozenFromTheStartKeepsItsFirstStatistics) {
  harness_.job.config.train.batch_norm = BatchNormMode::kFrozen;
  const auto result = Train(1);
  ExpectSameBuffers(result.Weights(kInitial, 0),
                    result.Weights(kResult, kResNetSteps));
}

TEST_F(ResNetTrainerTest, TrainsInBfloat16NearlyAsInFp32) {
  const auto fp32 = Train(1);
  harness_.job.config.train.precision = Precision::kBf16;
  const auto bf16 = Train(2);
  EXPECT_NE(fp32.reports[0].loss_total, bf16.reports[0].loss_total);
  PhaseHarness::ExpectLosses(bf16, fp32, 0.05);
}

TEST_F(ResNetTrainerTest, InterpolatesRunningStatisticsAsWeights) {
  const ClipModel parent = harness_.TrainParent().Weights(kResult, 6);
  harness_.job.config.train.batch_norm = BatchNormMode::kSync;
  const ClipModel whole = Train(1).Weights(kResult, kResNetSteps);
  harness_.job.config.method.interpolate = 0.25;
  const ClipModel mixed = Train(1).Weights(kResult, kResNetSteps);
  const std::string variance = "visual.layer4.0.bn3.running_var";
  EXPECT_LT(TensorError(mixed.Get(variance), 0.25 * whole.Get(variance) +
                                                 0.75 * parent.Get(variance)),
            1e-6);
  EXPECT_EQ(mixed.Get("visual.bn1.num_batches_tracked").item<int64_t>(),
            whole.Get("visual.bn1.num_batches_tracked").item<int64_t>());
}

}  // namespace
}  // namespace keel
