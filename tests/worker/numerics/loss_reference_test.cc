// The loss against dense float64 autograd, over sizes, scales and options.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/numerics/loss_cases.h"
#include "tests/worker/numerics/reference_loss.h"
#include "worker/train/loss_function.h"

namespace keel {
namespace {

using testing::Log;
using testing::RandomEmbeddings;
using testing::ReferenceLoss;
using testing::SumOfShares;
using testing::TensorError;
using testing::ToType;

struct Bounds {
  double value;
  double logit_scale;
  double cosine;  // rounding of one
};
constexpr Bounds kDoubleBounds = {1e-10, 1e-10, 0x1p-53};
constexpr Bounds kFloatBounds = {1e-5, 3e-5, 0x1p-24};

// The gradient by the logit scale is the scale times a mean of differences of
// cosines: where these cancel by chance, the rounding of a cosine remains.
double LogitScaleBound(const at::Tensor& reference, double scale,
                       const Bounds& bounds) {
  return std::max(bounds.logit_scale * std::abs(reference.item<double>()),
                  bounds.cosine * scale);
}

// `unit`: what an error is measured by where the reference is zero.
void ExpectClose(const LossShare& share, const LossShare& reference,
                 double scale, const Bounds& bounds, double unit = 1) {
  const auto error = [&](double value, double expected) {
    return std::abs(value - expected) /
           (expected == 0 ? unit : std::abs(expected));
  };
  const auto tensor_error = [&](const at::Tensor& value,
                                const at::Tensor& expected) {
    return TensorError(value, expected) /
           (expected.count_nonzero().item<int64_t>() == 0 ? unit : 1);
  };
  EXPECT_EQ(share.kept_image, reference.kept_image);
  EXPECT_EQ(share.kept_text, reference.kept_text);
  EXPECT_LE(error(share.contrastive, reference.contrastive), bounds.value);
  EXPECT_LE(error(share.distill, reference.distill), bounds.value);
  EXPECT_LE(error(share.total, reference.total), bounds.value);
  EXPECT_LE(tensor_error(share.grad_image, reference.grad_image), bounds.value);
  EXPECT_LE(tensor_error(share.grad_text, reference.grad_text), bounds.value);
  EXPECT_NEAR(share.grad_logit_scale.item<double>(),
              reference.grad_logit_scale.item<double>(),
              LogitScaleBound(reference.grad_logit_scale, scale, bounds));
}

// Of a gradient by a cosine that is zero as a difference of two softmaxes.
double UnitOf(const LossOptions& options) {
  return std::max(1.0, options.alpha / options.kl_temperature);
}

struct Case {
  int64_t d;
  double scale;
  double temperature;
  double alpha;
};

// All combinations, or with `few` one for each width.
std::vector<Case> Cases(bool few) {
  std::vector<Case> cases;
  for (int64_t d : {8, 64, 512, 768, 1024}) {
    for (double scale : {1.0, 14.0, 100.0}) {
      cases.push_back({d, scale, 1, 0});
      cases.push_back({d, scale, 1, 20});
      cases.push_back({d, scale, 0.05, 20});
    }
  }
  if (!few) return cases;
  std::vector<Case> chosen;
  for (size_t i = 0; i < cases.size(); i += 11) chosen.push_back(cases[i]);
  return chosen;
}

class LossReferenceTest : public ::testing::TestWithParam<int64_t> {
 protected:
  // Calls body(embeddings, logit scale, options) for each case and path.
  template <typename Body>
  void ForEachCase(const Body& body) const {
    const int64_t n = GetParam();
    for (const Case& c : Cases(n > 257)) {
      const GlobalEmbeddings e = RandomEmbeddings(n, c.d, 7);
      for (LossPath path : {LossPath::kDense, LossPath::kTiled}) {
        SCOPED_TRACE(absl::StrCat("D ", c.d, " s ", c.scale, " tau ",
                                  c.temperature, " alpha ", c.alpha,
                                  path == LossPath::kTiled ? " tiled" : ""));
        LossOptions options{c.alpha, KlReduction::kSum, c.temperature};
        options.path = path;
        options.tile_rows = n > 64 ? 100 : 7;
        options.tile_columns = n > 64 ? 150 : 12;
        body(e, Log(c.scale), options);
      }
    }
  }
};

TEST_P(LossReferenceTest, AgreesInDoublePrecision) {
  ForEachCase([](const GlobalEmbeddings& e, const at::Tensor& scale,
                 const LossOptions& options) {
    ExpectClose(SumOfShares(e, scale, {e.image.size(0)}, options),
                ReferenceLoss(e, scale, options), scale.exp().item<double>(),
                kDoubleBounds, UnitOf(options));
  });
}

TEST_P(LossReferenceTest, AgreesInSinglePrecision) {
  ForEachCase([](const GlobalEmbeddings& e, const at::Tensor& scale,
                 const LossOptions& options) {
    const GlobalEmbeddings single = ToType(e, at::kFloat);
    ExpectClose(SumOfShares(single, scale, {e.image.size(0)}, options),
                ReferenceLoss(single, scale, options),
                scale.exp().item<double>(), kFloatBounds, UnitOf(options));
  });
}

// Features of bfloat16, as a tower under autocast would give them.
TEST_P(LossReferenceTest, AgreesForHalfFeatures) {
  const std::unique_ptr<Communicator> solo = MakeSoloCommunicator();
  ForEachCase([&](const GlobalEmbeddings& exact, const at::Tensor& scale,
                  const LossOptions& options) {
    const GlobalEmbeddings half = ToType(exact, at::kBFloat16);
    const auto result = GlobalLoss(
        {half.image, half.text, half.teacher_image, half.teacher_text}, scale,
        {half.image.size(0)}, options, *solo);
    ASSERT_TRUE(result.ok()) << result.status();
    const auto unit = [](const at::Tensor& x) {
      const at::Tensor wide = x.to(at::kDouble);
      return wide / wide.norm(2, {1}, true);
    };
    const GlobalEmbeddings e = {unit(half.image), unit(half.text),
                                unit(half.teacher_image),
                                unit(half.teacher_text)};
    const LossShare reference = ReferenceLoss(e, scale, options);
    const auto through = [](const at::Tensor& x, const at::Tensor& u,
                            const at::Tensor& g) {
      return (g - u * (g * u).sum(1, true)) /
             x.to(at::kDouble).norm(2, {1}, true);
    };
    EXPECT_NEAR(result->total, reference.total,
                1e-2 * std::max(reference.total, 1e-2));
    EXPECT_LE(TensorError(result->grad_image,
                          through(half.image, e.image, reference.grad_image)),
              1e-2);
    EXPECT_LE(TensorError(result->grad_text,
                          through(half.text, e.text, reference.grad_text)),
              1e-2);
  });
}

INSTANTIATE_TEST_SUITE_P(Sizes, LossReferenceTest,
                         ::testing::Values(1, 2, 3, 17, 64, 257, 1024));

// Every option, with a teacher that has duplicates.
class LossOptionsTest : public ::testing::TestWithParam<LossPath> {
 protected:
  static GlobalEmbeddings WithTies() {
    GlobalEmbeddings e = RandomEmbeddings(40, 16, 21);
    e.teacher_text = e.teacher_image + 0.3 * e.teacher_text;
    e.teacher_text = e.teacher_text / e.teacher_text.norm(2, {1}, true);
    for (int64_t i : {4, 20, 33}) {
      e.teacher_text[i + 3] = e.teacher_text[i];
      e.teacher_image[i + 5] = e.teacher_image[i];
    }
    return e;
  }
};

TEST_P(LossOptionsTest, AgreesForEveryOption) {
  const GlobalEmbeddings e = WithTies();
  for (KlReduction reduction : {KlReduction::kBatchInvariant, KlReduction::kSum,
                                KlReduction::kMean, KlReduction::kKeptRows}) {
    for (bool diagonal : {true, false}) {
      for (TieRule ties :
           {TieRule::kKeepTies, TieRule::kFirstIndex, TieRule::kStrict}) {
        for (double temperature : {1.0, 0.3, 0.05, 0.02}) {
          LossOptions options = testing::WithPath(
              {3, reduction, temperature, diagonal}, GetParam());
          options.ties = ties;
          ExpectClose(SumOfShares(e, Log(14), {30, 10}, options),
                      ReferenceLoss(e, Log(14), options), 14, kDoubleBounds);
          const GlobalEmbeddings single = ToType(e, at::kFloat);
          ExpectClose(SumOfShares(single, Log(14), {40}, options),
                      ReferenceLoss(single, Log(14), options), 14,
                      kFloatBounds);
          options.screening = Screening::kNone;
          ExpectClose(SumOfShares(e, Log(14), {40}, options),
                      ReferenceLoss(e, Log(14), options), 14, kDoubleBounds);
        }
      }
    }
  }
}

TEST_P(LossOptionsTest, TieRulesKeepDifferentRows) {
  const GlobalEmbeddings e = WithTies();
  const auto kept = [&](TieRule ties) {
    LossOptions options = testing::WithPath({20}, GetParam());
    options.ties = ties;
    return SumOfShares(e, Log(14), {40}, options).kept_image;
  };
  EXPECT_GT(kept(TieRule::kKeepTies), kept(TieRule::kFirstIndex));
  EXPECT_GT(kept(TieRule::kFirstIndex), kept(TieRule::kStrict));
}

TEST_P(LossOptionsTest, FirstIndexIsThePublishedReplacementOfRows) {
  for (uint64_t seed : {1, 2, 3}) {
    GlobalEmbeddings e = RandomEmbeddings(32, 12, seed);
    // Exact in any order of summation, so that torch.max sees ties as ties.
    e.teacher_image = (e.teacher_image * 16).round() / 16;
    e.teacher_text = (e.teacher_text * 16).round() / 16;
    e.teacher_text[9] = e.teacher_text[2];
    e.teacher_image[9] = e.teacher_image[2];
    LossOptions options =
        testing::WithPath({20, KlReduction::kSum}, GetParam());
    options.ties = TieRule::kFirstIndex;
    const LossShare share = SumOfShares(e, Log(14), {32}, options);
    LossShare published = testing::PublishedLoss(e, Log(14), 20);
    published.kept_image = share.kept_image;
    published.kept_text = share.kept_text;
    EXPECT_GT(share.kept_image, 0);
    EXPECT_LT(share.kept_image, 32);
    ExpectClose(share, published, 14, kDoubleBounds);
  }
}

TEST_P(LossOptionsTest, ASinglePairHasNoAlignmentBesideItsDiagonal) {
  const GlobalEmbeddings e = RandomEmbeddings(1, 8, 3);
  const LossOptions options =
      testing::WithPath({20, KlReduction::kSum, 1.0, false}, GetParam());
  const LossShare share = SumOfShares(e, Log(14), {1}, options);
  EXPECT_EQ(share.total, 0);
  EXPECT_EQ(share.distill, 0);
  EXPECT_EQ(TensorError(share.grad_image, at::zeros({1, 8})), 0);
}

INSTANTIATE_TEST_SUITE_P(Paths, LossOptionsTest,
                         ::testing::Values(LossPath::kDense, LossPath::kTiled));

}  // namespace
}  // namespace keel
