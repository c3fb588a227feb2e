#include "worker/train/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/testing/tensor_error.h"
#include "tests/worker/numerics/loss_cases.h"
#include "tests/worker/numerics/reference_loss.h"

namespace keel {
namespace {

using testing::Log;
using testing::RandomEmbeddings;
using testing::ReferenceLoss;
using testing::SumOfShares;
using testing::TensorError;
using testing::ToType;
using testing::UnitRandom;

LossShare Whole(const GlobalEmbeddings& e, const at::Tensor& logit_scale,
                const LossOptions& options) {
  return SumOfShares(e, logit_scale, {e.image.size(0)}, options);
}

class LossTest : public ::testing::TestWithParam<LossPath> {
 protected:
  static LossOptions Options(double alpha,
                             KlReduction reduction = KlReduction::kSum,
                             double temperature = 1.0) {
    return testing::WithPath({alpha, reduction, temperature}, GetParam());
  }
};

// Checks the gradients against central differences along random directions.
void ExpectGradients(const GlobalEmbeddings& e, const at::Tensor& logit_scale,
                     const LossOptions& options) {
  const LossShare share = Whole(e, logit_scale, options);
  constexpr double kStep = 1e-6;
  for (uint64_t seed = 100; seed < 106; ++seed) {
    const at::Tensor u = UnitRandom(e.image.size(0), e.image.size(1), seed);
    const at::Tensor v =
        UnitRandom(e.image.size(0), e.image.size(1), seed + 50);
    const double q = 0.5 + 0.1 * static_cast<double>(seed % 5);
    const auto moved = [&](double h) {
      GlobalEmbeddings other = e;
      other.image = e.image + h * u;
      other.text = e.text + h * v;
      return Whole(other, logit_scale + h * q, options).total;
    };
    const double numeric = (moved(kStep) - moved(-kStep)) / (2 * kStep);
    const double analytic = (share.grad_image * u).sum().item<double>() +
                            (share.grad_text * v).sum().item<double>() +
                            q * share.grad_logit_scale.item<double>();
    EXPECT_NEAR(numeric, analytic, 2e-7 * std::max(1.0, std::abs(numeric)));
  }
}

TEST_P(LossTest, HasTheGradientOfItsValue) {
  const GlobalEmbeddings e = RandomEmbeddings(24, 8, 1);
  ExpectGradients(e, Log(14), Options(0));
  ExpectGradients(e, Log(14), Options(20));
  ExpectGradients(e, Log(33), Options(2, KlReduction::kMean, 0.07));
  ExpectGradients(e, Log(100), Options(20, KlReduction::kKeptRows));
  ExpectGradients(e, Log(20), Options(2, KlReduction::kBatchInvariant, 0.02));
}

TEST_P(LossTest, IsTheSumOfTheMembersSharesWhateverTheirSlices) {
  const GlobalEmbeddings e = RandomEmbeddings(37, 16, 3);
  for (KlReduction reduction : {KlReduction::kBatchInvariant, KlReduction::kSum,
                                KlReduction::kMean, KlReduction::kKeptRows}) {
    const LossOptions options = Options(20, reduction);
    const LossShare whole = Whole(e, Log(20), options);
    for (const std::vector<int64_t>& rows : std::vector<std::vector<int64_t>>{
             {18, 19}, {1, 30, 6}, {0, 37, 0}, {9, 9, 9, 10}}) {
      const LossShare sum = SumOfShares(e, Log(20), rows, options);
      EXPECT_NEAR(sum.total, whole.total, 1e-12);
      EXPECT_NEAR(sum.distill, whole.distill, 1e-12);
      EXPECT_EQ(sum.kept_image, whole.kept_image);
      EXPECT_EQ(sum.kept_text, whole.kept_text);
      EXPECT_LT(TensorError(sum.grad_image, whole.grad_image), 1e-13);
      EXPECT_LT(TensorError(sum.grad_text, whole.grad_text), 1e-13);
      EXPECT_LT(TensorError(sum.grad_logit_scale, whole.grad_logit_scale),
                1e-13);
    }
  }
}

TEST_P(LossTest, GoesOnAcrossBlocksOfRows) {
  const GlobalEmbeddings e = RandomEmbeddings(1100, 8, 5);
  const LossShare share = Whole(e, Log(10), Options(20));
  EXPECT_NEAR(share.total, ReferenceLoss(e, Log(10), Options(20)).total, 1e-9);
  const LossShare halves = SumOfShares(e, Log(10), {1050, 50}, Options(20));
  EXPECT_LT(TensorError(halves.grad_image, share.grad_image), 1e-13);
}

TEST_P(LossTest, WeighsTheAlignmentAsTheReductionSays) {
  const GlobalEmbeddings e = RandomEmbeddings(28, 8, 9);
  const auto weight = [&](KlReduction reduction) {
    const LossShare share = Whole(e, Log(14), Options(20, reduction));
    return (share.total - share.contrastive) / (2 * share.distill);
  };
  EXPECT_NEAR(weight(KlReduction::kSum), 10, 1e-9);
  EXPECT_NEAR(weight(KlReduction::kMean), 10.0 / 28, 1e-9);
  EXPECT_NEAR(weight(KlReduction::kBatchInvariant), 10 * 280.0 / 28, 1e-9);
  const LossShare share = Whole(e, Log(14), Options(20));
  EXPECT_NEAR(weight(KlReduction::kKeptRows),
              20.0 / (share.kept_image + share.kept_text), 1e-9);
}

TEST_P(LossTest, AlignsNothingWhenTheStudentIsTheTeacher) {
  GlobalEmbeddings e = RandomEmbeddings(40, 16, 11);
  e.image = e.teacher_image;
  e.text = e.teacher_text;
  const LossShare aligned = Whole(e, Log(14), Options(20));
  const LossShare plain = Whole(e, Log(14), Options(0));
  EXPECT_GT(aligned.kept_image, 0);
  EXPECT_LT(std::abs(aligned.distill), 1e-15);
  EXPECT_LT(TensorError(aligned.grad_image, plain.grad_image), 1e-13);
  EXPECT_LT(TensorError(aligned.grad_text, plain.grad_text), 1e-13);
  EXPECT_LT(TensorError(aligned.grad_logit_scale, plain.grad_logit_scale),
            1e-13);
}

TEST_P(LossTest, KeepsSmallDivergencesInSinglePrecision) {
  GlobalEmbeddings e = RandomEmbeddings(40, 16, 12);
  const at::Tensor image = e.teacher_image + 1e-3 * UnitRandom(40, 16, 99);
  const at::Tensor text = e.teacher_text + 1e-3 * UnitRandom(40, 16, 98);
  e.image = image / image.norm(2, {1}, true);
  e.text = text / text.norm(2, {1}, true);
  const double exact = ReferenceLoss(e, Log(14), Options(20)).distill;
  EXPECT_GT(exact, 0);
  const LossShare single = Whole(ToType(e, at::kFloat), Log(14), Options(20));
  EXPECT_NEAR(single.distill / exact, 1, 1e-4);
}

TEST_P(LossTest, KeepsNoRowThatTheTeacherGetsWrong) {
  GlobalEmbeddings e = RandomEmbeddings(16, 8, 13);
  // Each text is the next image's: no row and no column is right.
  e.teacher_text = at::roll(e.teacher_image, 1, 0);
  const LossShare share = Whole(e, Log(14), Options(20));
  const LossShare plain = Whole(e, Log(14), Options(0));
  EXPECT_EQ(share.kept_image + share.kept_text, 0);
  EXPECT_EQ(share.distill, 0);
  EXPECT_EQ(share.total, plain.total);
  EXPECT_TRUE(at::equal(share.grad_image, plain.grad_image));
  const LossShare shared =
      Whole(e, Log(14), Options(20, KlReduction::kKeptRows));
  EXPECT_EQ(shared.total, plain.total);
}

TEST_P(LossTest, KeepsTheOneRowThatTheTeacherGetsRight) {
  GlobalEmbeddings e = RandomEmbeddings(16, 8, 25);
  e.teacher_text = e.teacher_image.clone();
  e.teacher_text.narrow(0, 1, 15).copy_(
      at::roll(e.teacher_image.narrow(0, 1, 15), 1, 0));
  const LossShare share = Whole(e, Log(14), Options(20));
  EXPECT_EQ(share.kept_image, 1);
  EXPECT_EQ(share.kept_text, 1);
  EXPECT_NEAR(share.total, ReferenceLoss(e, Log(14), Options(20)).total, 1e-11);
}

TEST_P(LossTest, ScreensRowsAndColumnsApart) {
  GlobalEmbeddings e = RandomEmbeddings(16, 8, 26);
  // Most images are nearest to the first text, which is nearest to its own.
  e.teacher_image.select(1, 0).abs_().add_(1);
  e.teacher_image.div_(e.teacher_image.norm(2, {1}, true));
  e.teacher_text = e.teacher_image.clone();
  e.teacher_text[0].mul_(3);
  const LossShare share = Whole(e, Log(14), Options(20));
  const LossShare reference = ReferenceLoss(e, Log(14), Options(20));
  EXPECT_EQ(share.kept_image, reference.kept_image);
  EXPECT_EQ(share.kept_text, reference.kept_text);
  EXPECT_GT(share.kept_text, share.kept_image);
  EXPECT_NEAR(share.total / reference.total, 1, 1e-11);
}

TEST_P(LossTest, KeepsAllRowsThatTheTeacherGetsRight) {
  GlobalEmbeddings e = RandomEmbeddings(16, 8, 14);
  e.teacher_text = e.teacher_image;
  const LossShare share = Whole(e, Log(14), Options(20));
  EXPECT_EQ(share.kept_image, 16);
  EXPECT_EQ(share.kept_text, 16);
}

TEST_P(LossTest, KeepsRowsThatTie) {
  GlobalEmbeddings e = RandomEmbeddings(6, 8, 15);
  e.teacher_text = e.teacher_image.clone();
  // The same caption twice: rows 0 and 1 of the image direction tie.
  e.teacher_text[1] = e.teacher_text[0];
  e.teacher_image[1] = e.teacher_image[0];
  EXPECT_EQ(Whole(e, Log(14), Options(20)).kept_image, 6);
  // A shade below the other is still a tie, clearly below is not.
  e.teacher_image[1] = e.teacher_image[0].clone();
  e.teacher_text[1] = e.teacher_text[0] * (1 - 1e-7);
  EXPECT_EQ(Whole(e, Log(14), Options(20)).kept_image, 6);
  e.teacher_text[1] = e.teacher_text[0] * (1 - 1e-4);
  EXPECT_EQ(Whole(e, Log(14), Options(20)).kept_image, 5);
}

TEST_P(LossTest, DoesNotDependOnTheOrderOfPairs) {
  const GlobalEmbeddings e = RandomEmbeddings(31, 8, 16);
  const at::Tensor order =
      at::randperm(31, at::detail::createCPUGenerator(4), at::kLong);
  GlobalEmbeddings mixed;
  mixed.image = e.image.index_select(0, order);
  mixed.text = e.text.index_select(0, order);
  mixed.teacher_image = e.teacher_image.index_select(0, order);
  mixed.teacher_text = e.teacher_text.index_select(0, order);
  const LossShare a = Whole(e, Log(14), Options(20));
  const LossShare b = Whole(mixed, Log(14), Options(20));
  EXPECT_NEAR(a.total, b.total, 1e-12);
  EXPECT_LT(TensorError(b.grad_image, a.grad_image.index_select(0, order)),
            1e-13);
}

TEST_P(LossTest, StaysFiniteAtTheLargestScale) {
  const at::Tensor cone = UnitRandom(1, 16, 17) + 0.05 * UnitRandom(64, 16, 18);
  GlobalEmbeddings e;
  e.image = (cone / cone.norm(2, {1}, true)).to(at::kFloat);
  e.text = -e.image;
  e.teacher_image = e.image;
  e.teacher_text = e.image;
  const LossShare share = Whole(e, Log(100), Options(20));
  EXPECT_TRUE(std::isfinite(share.total));
  EXPECT_TRUE(share.grad_image.isfinite().all().item<bool>());
  EXPECT_NEAR(share.total, ReferenceLoss(e, Log(100), Options(20)).total,
              1e-5 * share.total);
}

TEST_P(LossTest, OfIdenticalEmbeddingsIsThatOfChance) {
  const at::Tensor one = UnitRandom(1, 8, 23).expand({30, 8}).contiguous();
  const GlobalEmbeddings e = ToType({one, one, one, one}, at::kFloat);
  const LossShare share = Whole(e, Log(100), Options(20));
  EXPECT_NEAR(share.contrastive, std::log(30), 1e-5);
  EXPECT_EQ(share.distill, 0);
  EXPECT_EQ(share.kept_image, 30);
  EXPECT_LT(share.grad_logit_scale.abs().item<double>(), 1e-4);
}

TEST_P(LossTest, NeverRewardsTheAlignment) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    GlobalEmbeddings e = RandomEmbeddings(9, 4, 40 + seed);
    e.text = e.teacher_text;
    e.image = e.teacher_image + std::pow(0.1, seed) * e.image;
    e.image = e.image / e.image.norm(2, {1}, true);
    EXPECT_GE(Whole(e, Log(14), Options(20)).distill, 0);
    EXPECT_GE(Whole(ToType(e, at::kFloat), Log(14), Options(20)).distill, 0);
  }
}

// All pairs are right by far: what is left to learn is not lost against 1.
TEST_P(LossTest, KeepsSmallGradientsOfPairsThatAreRight) {
  GlobalEmbeddings e = RandomEmbeddings(12, 64, 24);
  e.image = e.text;
  const GlobalEmbeddings single = ToType(e, at::kFloat);
  const LossShare share = Whole(single, Log(20), Options(0));
  const LossShare exact = ReferenceLoss(single, Log(20), Options(0));
  EXPECT_LT(exact.contrastive, 1e-6);
  EXPECT_LT(TensorError(share.grad_image, exact.grad_image), 1e-5);
}

TEST_P(LossTest, ShowsNotANumber) {
  for (int which = 0; which < 4; ++which) {
    GlobalEmbeddings e = RandomEmbeddings(8, 4, 19);
    at::Tensor* tensors[] = {&e.image, &e.text, &e.teacher_image,
                             &e.teacher_text};
    (*tensors[which])[3][1] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_TRUE(std::isnan(Whole(e, Log(14), Options(20)).total)) << which;
    EXPECT_TRUE(
        std::isnan(Whole(ToType(e, at::kFloat), Log(14), Options(20)).total))
        << which;
  }
}

TEST_P(LossTest, NeedsNoTeacherWithoutAlignment) {
  GlobalEmbeddings e = RandomEmbeddings(12, 8, 20);
  const LossShare with = Whole(e, Log(14), Options(0));
  e.teacher_image = e.teacher_text = at::Tensor();
  const LossShare without = Whole(e, Log(14), Options(0));
  EXPECT_EQ(with.total, without.total);
  EXPECT_EQ(without.distill, 0);
  EXPECT_TRUE(at::equal(with.grad_text, without.grad_text));
}

INSTANTIATE_TEST_SUITE_P(Paths, LossTest,
                         ::testing::Values(LossPath::kDense, LossPath::kTiled));

}  // namespace
}  // namespace keel
