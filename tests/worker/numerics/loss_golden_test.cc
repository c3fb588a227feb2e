// The loss against the published code's own numbers (tests/golden).
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "tests/testing/tensor_error.h"
#include "tests/worker/numerics/loss_cases.h"
#include "worker/checkpoint/safetensors.h"

namespace keel {
namespace {

using testing::SumOfShares;
using testing::TensorError;

struct Bounds {
  double value;
  double logit_scale;
};

class LossGoldenTest
    : public ::testing::TestWithParam<std::tuple<int, LossPath>> {
 protected:
  void SetUp() override {
    auto file = ReadSafetensors("tests/golden/modx_loss_" +
                                std::to_string(std::get<0>(GetParam())) +
                                ".safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    golden_ = *std::move(file);
    options_.alpha = std::stod(golden_.metadata.at("alpha"));
    options_.kl_reduction = KlReduction::kSum;
    options_ = testing::WithPath(options_, std::get<1>(GetParam()));
  }

  at::Tensor Golden(const std::string& name) { return *golden_.Find(name); }

  // Normalises in `type`, sums the members' shares and leads the gradients
  // back to the features.
  void Check(at::ScalarType type, const std::vector<int64_t>& rows,
             Bounds bounds) {
    const auto unit = [&](const char* name) {
      const at::Tensor x = Golden(name).to(type);
      return x / x.norm(2, {1}, true);
    };
    const GlobalEmbeddings e{unit("image"), unit("text"), unit("teacher_image"),
                             unit("teacher_text")};
    const LossShare sum =
        SumOfShares(e, Golden("logit_scale").to(type), rows, options_);
    const auto error = [&](double value, const char* name) {
      return TensorError(at::full({1}, value, at::kDouble), Golden(name));
    };
    EXPECT_LT(error(sum.contrastive, "contrastive"), bounds.value);
    EXPECT_LT(error(sum.distill, "distill"), bounds.value);
    EXPECT_LT(error(sum.total, "total"), bounds.value);
    EXPECT_EQ(std::to_string(sum.kept_image), golden_.metadata.at("rows_kept"));
    EXPECT_EQ(std::to_string(sum.kept_text),
              golden_.metadata.at("columns_kept"));
    const auto through = [&](const char* name, const at::Tensor& z,
                             const at::Tensor& g) {
      const at::Tensor length = Golden(name).to(type).norm(2, {1}, true);
      return (g - z * (g * z).sum(1, true)) / length;
    };
    EXPECT_LT(TensorError(through("image", e.image, sum.grad_image),
                          Golden("grad_image")),
              bounds.value);
    EXPECT_LT(TensorError(through("text", e.text, sum.grad_text),
                          Golden("grad_text")),
              bounds.value);
    EXPECT_LT(TensorError(sum.grad_logit_scale, Golden("grad_logit_scale")),
              bounds.logit_scale);
  }

  void CheckAllWorlds(at::ScalarType type, Bounds bounds) {
    const int64_t n = Golden("image").size(0);
    Check(type, {n}, bounds);
    Check(type, {n / 2 + 1, n - n / 2 - 1}, bounds);
    Check(type, {1, n / 2, n - n / 2 - 1}, bounds);
  }

  Safetensors golden_;
  LossOptions options_;
};

TEST_P(LossGoldenTest, AgreesInSinglePrecision) {
  CheckAllWorlds(at::kFloat, {1e-5, 3e-5});
}

TEST_P(LossGoldenTest, AgreesInDoublePrecision) {
  CheckAllWorlds(at::kDouble, {1e-9, 1e-9});
}

INSTANTIATE_TEST_SUITE_P(
    Cases, LossGoldenTest,
    ::testing::Combine(::testing::Range(0, 4),
                       ::testing::Values(LossPath::kDense, LossPath::kTiled)));

}  // namespace
}  // namespace keel
