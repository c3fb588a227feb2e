#include "worker/train/loss_function.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/member_threads.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/numerics/loss_cases.h"
#include "worker/checkpoint/safetensors.h"

namespace keel {
namespace {

using testing::RunGroup;
using testing::TensorError;

LocalFeatures Slice(const LocalFeatures& all, int64_t begin, int64_t count) {
  const auto cut = [&](const at::Tensor& x) {
    return x.defined() ? x.narrow(0, begin, count) : x;
  };
  return {cut(all.image), cut(all.text), cut(all.teacher_image),
          cut(all.teacher_text)};
}

// Every member's result, in rank order.
std::vector<LossResult> RunMembers(const LocalFeatures& all,
                                   const at::Tensor& logit_scale,
                                   const std::vector<int64_t>& rows,
                                   const LossOptions& options) {
  std::vector<LossResult> results(rows.size());
  RunGroup(static_cast<int>(rows.size()), [&](Communicator& communicator) {
    const int rank = communicator.rank();
    const int64_t begin =
        std::accumulate(rows.begin(), rows.begin() + rank, int64_t{0});
    auto result = GlobalLoss(Slice(all, begin, rows[rank]), logit_scale, rows,
                             options, communicator);
    ASSERT_TRUE(result.ok()) << result.status();
    results[rank] = *std::move(result);
  });
  return results;
}

LocalFeatures RandomFeatures(int64_t n, int64_t d) {
  const GlobalEmbeddings e = testing::RandomEmbeddings(n, d, 31);
  return {e.image * 3, e.text * 0.5, e.teacher_image * 7, e.teacher_text * 2};
}

class GoldenLossTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    auto file = ReadSafetensors("tests/golden/modx_loss_" +
                                std::to_string(GetParam()) + ".safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    golden_ = *std::move(file);
  }

  at::Tensor Golden(const char* name) const { return *golden_.Find(name); }

  double Error(double value, const char* name) const {
    return TensorError(at::full({1}, value, at::kDouble), Golden(name));
  }

  // Through the collectives of members with `rows` rows each.
  void Check(at::ScalarType type, LossPath path,
             const std::vector<int64_t>& rows, double bound,
             double bound_of_scale) const {
    const auto typed = [&](const char* name) { return Golden(name).to(type); };
    const auto results = RunMembers(
        {typed("image"),
         typed("text"),
         typed("teacher_image"),
         typed("teacher_text"),
         {}},
        typed("logit_scale"), rows,
        testing::WithPath(
            {std::stod(golden_.metadata.at("alpha")), KlReduction::kSum},
            path));
    std::vector<at::Tensor> images, texts;
    at::Tensor grad_scale = at::zeros({}, type);
    for (const LossResult& result : results) {
      EXPECT_LT(Error(result.contrastive, "contrastive"), bound);
      EXPECT_LT(Error(result.distill, "distill"), bound);
      EXPECT_LT(Error(result.total, "total"), bound);
      EXPECT_EQ(result.total, results[0].total);
      EXPECT_EQ(std::to_string(result.kept_image),
                golden_.metadata.at("rows_kept"));
      EXPECT_EQ(std::to_string(result.kept_text),
                golden_.metadata.at("columns_kept"));
      images.push_back(result.grad_image);
      texts.push_back(result.grad_text);
      grad_scale = grad_scale + result.grad_logit_scale;
    }
    EXPECT_LT(TensorError(at::cat(images), Golden("grad_image")), bound);
    EXPECT_LT(TensorError(at::cat(texts), Golden("grad_text")), bound);
    EXPECT_LT(TensorError(grad_scale, Golden("grad_logit_scale")),
              bound_of_scale);
  }

  Safetensors golden_;
};

TEST_P(GoldenLossTest, IsThePublishedOneInAnyGroup) {
  const int64_t n = Golden("image").size(0);
  for (const std::vector<int64_t>& rows : std::vector<std::vector<int64_t>>{
           {n}, {n / 3, n - n / 3}, {1, n / 2, n - n / 2 - 1}}) {
    for (LossPath path : {LossPath::kDense, LossPath::kTiled}) {
      Check(at::kFloat, path, rows, 1e-5, 3e-5);
      Check(at::kDouble, path, rows, 1e-9, 1e-9);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenLossTest, ::testing::Range(0, 4));

TEST(LossFunctionTest, GivesTheSameForAnyGroup) {
  const LocalFeatures all = RandomFeatures(23, 8);
  const at::Tensor logit_scale = at::full({}, std::log(14.0), at::kDouble);
  for (const auto& [path, reduction] :
       {std::pair(LossPath::kDense, KlReduction::kBatchInvariant),
        {LossPath::kDense, KlReduction::kKeptRows},
        {LossPath::kTiled, KlReduction::kBatchInvariant},
        {LossPath::kTiled, KlReduction::kKeptRows}}) {
    const LossOptions options = testing::WithPath({20, reduction}, path);
    const LossResult solo = RunMembers(all, logit_scale, {23}, options)[0];
    for (const std::vector<int64_t>& rows :
         std::vector<std::vector<int64_t>>{{20, 3}, {5, 0, 18}, {1, 9, 6, 7}}) {
      const auto results = RunMembers(all, logit_scale, rows, options);
      std::vector<at::Tensor> images;
      at::Tensor grad_scale = at::zeros({}, at::kDouble);
      for (const LossResult& result : results) {
        images.push_back(result.grad_image);
        grad_scale += result.grad_logit_scale;
        EXPECT_NEAR(result.total, solo.total, 1e-12);
        EXPECT_EQ(result.kept_image, solo.kept_image);
        EXPECT_EQ(result.kept_text, solo.kept_text);
      }
      EXPECT_LT(TensorError(at::cat(images), solo.grad_image), 1e-13);
      EXPECT_LT(TensorError(grad_scale, solo.grad_logit_scale), 1e-13);
    }
  }
}

TEST(LossFunctionTest, SaysWhetherItScreened) {
  const LocalFeatures all = RandomFeatures(6, 4);
  const at::Tensor logit_scale = at::full({}, std::log(14.0), at::kDouble);
  LossOptions options;
  options.alpha = 20;
  EXPECT_TRUE(RunMembers(all, logit_scale, {6}, options)[0].screened);
  options.screening = Screening::kNone;
  EXPECT_FALSE(RunMembers(all, logit_scale, {6}, options)[0].screened);
  options = {};
  options.alpha = 0;
  EXPECT_FALSE(RunMembers(all, logit_scale, {6}, options)[0].screened);
}

TEST(LossFunctionTest, LeadsGradientsThroughTheNormalisation) {
  const LocalFeatures all = RandomFeatures(9, 6);
  const at::Tensor logit_scale = at::full({}, 2.0, at::kDouble);
  const std::unique_ptr<Communicator> solo = MakeSoloCommunicator();
  const auto loss = [&](const at::Tensor& image) {
    LocalFeatures moved = all;
    moved.image = image;
    auto result = GlobalLoss(moved, logit_scale, {9}, {20}, *solo);
    return *std::move(result);
  };
  const at::Tensor u = testing::UnitRandom(9, 6, 77);
  const double numeric =
      (loss(all.image + 1e-6 * u).total - loss(all.image - 1e-6 * u).total) /
      2e-6;
  const double analytic = (loss(all.image).grad_image * u).sum().item<double>();
  EXPECT_NEAR(numeric, analytic, 1e-6 * std::max(1.0, std::abs(numeric)));
}

TEST(LossFunctionTest, ComputesInSinglePrecisionForHalfFeatures) {
  LocalFeatures all = RandomFeatures(12, 8);
  const at::Tensor logit_scale = at::full({}, 2.0, at::kFloat);
  const std::unique_ptr<Communicator> solo = MakeSoloCommunicator();
  for (at::Tensor* x :
       {&all.image, &all.text, &all.teacher_image, &all.teacher_text}) {
    *x = x->to(at::kBFloat16);
  }
  auto half = GlobalLoss(all, logit_scale, {12}, {20}, *solo);
  for (at::Tensor* x :
       {&all.image, &all.text, &all.teacher_image, &all.teacher_text}) {
    *x = x->to(at::kFloat);
  }
  auto single = GlobalLoss(all, logit_scale, {12}, {20}, *solo);
  ASSERT_TRUE(half.ok() && single.ok());
  EXPECT_EQ(half->total, single->total);
  EXPECT_EQ(half->grad_image.scalar_type(), at::kBFloat16);
  EXPECT_LT(TensorError(half->grad_image, single->grad_image), 1e-2);
}

TEST(LossFunctionTest, IsZeroForAnEmptyBatch) {
  const LocalFeatures none = Slice(RandomFeatures(4, 6), 0, 0);
  const std::unique_ptr<Communicator> solo = MakeSoloCommunicator();
  auto result =
      GlobalLoss(none, at::full({}, 2.0, at::kDouble), {0}, {20}, *solo);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->total, 0);
  EXPECT_EQ(result->grad_image.size(0), 0);
  EXPECT_EQ(result->grad_logit_scale.item<double>(), 0);
}

}  // namespace
}  // namespace keel
