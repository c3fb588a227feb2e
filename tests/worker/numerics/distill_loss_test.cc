// The distillation of logits against OpenCLIP's own numbers, against a dense
// computation by autograd, and over groups.
#include "worker/train/distill_loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "tests/testing/member_threads.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/numerics/loss_cases.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/train/loss_function.h"

namespace keel {
namespace {

using testing::RandomEmbeddings;
using testing::RunGroup;
using testing::TensorError;

at::Tensor Scalar(double value) { return at::full({}, value, at::kDouble); }

LossShare ZeroShare(const GlobalEmbeddings& e) {
  LossShare share;
  share.grad_image = at::zeros_like(e.image);
  share.grad_text = at::zeros_like(e.text);
  share.grad_logit_scale = Scalar(0);
  return share;
}

// The definition, by dense matrices.
at::Tensor DenseDistill(const GlobalEmbeddings& e, const at::Tensor& scale,
                        const at::Tensor& teacher_scale) {
  const at::Tensor logits = at::mm(e.image, e.text.t()) * scale.exp();
  const at::Tensor teacher =
      at::mm(e.teacher_image, e.teacher_text.t()) * teacher_scale.exp();
  const auto cross = [](const at::Tensor& p, const at::Tensor& q) {
    return -(p.softmax(1) * q.log_softmax(1)).sum(1).mean();
  };
  return (cross(teacher, logits) + cross(teacher.t(), logits.t())) / 2;
}

// More rows than a block holds, in unequal shares of which one is empty.
TEST(DistillLossTest, AgreesWithAutogradOnDenseMatrices) {
  constexpr int64_t kRows = 300;
  constexpr double kAlpha = 1.7;
  GlobalEmbeddings e = RandomEmbeddings(kRows, 12, 3);
  at::Tensor scale = Scalar(2.5);
  const at::Tensor teacher_scale = Scalar(3.1);
  for (at::Tensor* x : {&e.image, &e.text, &scale}) x->requires_grad_(true);
  const at::Tensor dense = DenseDistill(e, scale, teacher_scale);
  (kAlpha * dense).backward();

  LossShare sum = ZeroShare(e);
  int64_t begin = 0;
  for (int64_t count : {270, 0, 30}) {
    AddDistillShare(
        {e.image.detach(), e.text.detach(), e.teacher_image, e.teacher_text},
        scale, teacher_scale, {begin, begin + count}, kAlpha, sum);
    begin += count;
  }
  EXPECT_NEAR(sum.distill, dense.item<double>(), 1e-12);
  EXPECT_NEAR(sum.total, kAlpha * dense.item<double>(), 1e-12);
  EXPECT_LT(TensorError(sum.grad_image, e.image.grad()), 1e-12);
  EXPECT_LT(TensorError(sum.grad_text, e.text.grad()), 1e-12);
  EXPECT_LT(TensorError(sum.grad_logit_scale, scale.grad()), 1e-12);
}

TEST(DistillLossTest, HasNoGradientWhereTheStudentIsTheTeacher) {
  GlobalEmbeddings e = RandomEmbeddings(20, 8, 5);
  e.teacher_image = e.image;
  e.teacher_text = e.text;
  LossShare share = ZeroShare(e);
  AddDistillShare(e, Scalar(2), Scalar(2), {0, 20}, 1, share);
  EXPECT_LT(share.grad_image.abs().max().item<double>(), 1e-15);
  EXPECT_LT(std::abs(share.grad_logit_scale.item<double>()), 1e-15);
  EXPECT_GT(share.distill, 0);  // the teacher's entropy
}

// tests/parity/make_distill_golden.py wrote the numbers with OpenCLIP.
TEST(DistillLossTest, AgreesWithOpenClipOverAnyGroup) {
  auto file = ReadSafetensors("tests/golden/distill_loss.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  const auto golden = [&](const char* name) { return *file->Find(name); };
  LossOptions options;
  options.logit_alpha = std::stod(file->metadata.at("alpha"));
  const int64_t n = golden("image").size(0);
  for (const auto dtype : {at::kDouble, at::kFloat}) {
    const double bound = dtype == at::kDouble ? 1e-12 : 1e-5;
    for (const std::vector<int64_t>& rows :
         std::vector<std::vector<int64_t>>{{n}, {5, n - 5}, {7, 0, n - 7}}) {
      std::vector<LossResult> results(rows.size());
      RunGroup(static_cast<int>(rows.size()), [&](Communicator& communicator) {
        const int rank = communicator.rank();
        const int64_t begin =
            std::accumulate(rows.begin(), rows.begin() + rank, int64_t{0});
        const auto cut = [&](const char* name) {
          return golden(name).to(dtype).narrow(0, begin, rows[rank]);
        };
        LocalFeatures features{cut("image"), cut("text"), cut("teacher_image"),
                               cut("teacher_text")};
        features.teacher_logit_scale = golden("teacher_logit_scale").to(dtype);
        auto result = GlobalLoss(features, golden("logit_scale").to(dtype),
                                 rows, options, communicator);
        ASSERT_TRUE(result.ok()) << result.status();
        results[rank] = *std::move(result);
      });
      std::vector<at::Tensor> image, text;
      at::Tensor grad_scale = Scalar(0);
      for (const LossResult& result : results) {
        image.push_back(result.grad_image);
        text.push_back(result.grad_text);
        grad_scale = grad_scale + result.grad_logit_scale;
        EXPECT_NEAR(result.contrastive, golden("contrastive").item<double>(),
                    bound);
        EXPECT_NEAR(result.distill, golden("distill").item<double>(), bound);
      }
      EXPECT_LT(TensorError(at::cat(image), golden("grad_image")), bound);
      EXPECT_LT(TensorError(at::cat(text), golden("grad_text")), bound);
      EXPECT_LT(TensorError(grad_scale, golden("grad_logit_scale")), 3 * bound);
    }
  }
}

}  // namespace
}  // namespace keel
