// Rows to features and back, of every path of the loss, by any number of
// members and in micro-batches: in float64 against a model and a loss that
// share nothing with the product.
#include "worker/train/student_pass.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/testing/member_threads.h"
#include "tests/testing/small_model.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/model/reference_clip.h"
#include "tests/worker/numerics/reference_loss.h"
#include "tests/worker/train/double_model.h"

namespace keel {
namespace {

using testing::TensorError;

constexpr int64_t kBatch = 23;
constexpr double kPassBound = 1e-9;

class StudentPassTest : public ::testing::Test {
 protected:
  struct Result {
    double contrastive = 0;
    double distill = 0;
    double total = 0;
    // By parameter.
    std::vector<NamedTensor> gradients;
  };

  StudentPassTest() {
    const at::Tensor noise =
        at::randn({2, kBatch, model_.embed_dim},
                  at::detail::createCPUGenerator(11), at::kDouble);
    const ClipModel student = DoubleModel(model_, kSeed);
    const testing::ReferenceClip near(student);
    const c10::NoGradGuard no_grad;
    // Near the student, so that screening keeps some rows and not others.
    teacher_image_ = Unit(near.EncodeImage(images_)) + 0.1 * noise[0];
    teacher_text_ = Unit(near.EncodeText(tokens_)) + 0.1 * noise[1];
    options_.alpha = 20;
    options_.kl_reduction = KlReduction::kSum;
    options_.tile_rows = 7;
    options_.tile_columns = 5;
  }

  static at::Tensor Unit(const at::Tensor& x) {
    return x / x.norm(2, {1}, true);
  }

  static std::vector<NamedTensor> Gradients(const ClipModel& model) {
    ZeroKeyBiasGradients(model);
    std::vector<NamedTensor> gradients;
    for (const NamedTensor& p : model.parameters()) {
      gradients.push_back({p.name, p.tensor.grad().clone()});
    }
    return gradients;
  }

  // Member 0's result.
  Result Run(const std::vector<int64_t>& rows) {
    Result result;
    testing::RunGroup(static_cast<int>(rows.size()), [&](Communicator& group) {
      const int64_t begin = std::accumulate(
          rows.begin(), rows.begin() + group.rank(), int64_t{0});
      const auto own = [&](const at::Tensor& x) {
        return x.narrow(0, begin, rows[group.rank()]);
      };
      const ClipModel student = DoubleModel(model_, kSeed);
      std::vector<at::Tensor> parameters;
      for (const NamedTensor& p : student.parameters()) {
        parameters.push_back(p.tensor);
      }
      BucketReducer reducer(group, parameters, 4096);
      reducer.Prepare();
      StudentPass pass(student, train_, own(images_), own(tokens_), nullptr);
      LocalFeatures features;
      features.teacher_image = own(teacher_image_);
      features.teacher_text = own(teacher_text_);
      pass.Encode(features);
      const auto loss =
          GlobalLoss(features, student.logit_scale(), rows, options_, group);
      ASSERT_TRUE(loss.ok()) << loss.status();
      pass.Backward(*loss, reducer);
      ASSERT_TRUE(reducer.Finish().ok());
      if (group.rank() > 0) return;
      EXPECT_GT(loss->kept_image + loss->kept_text, 0);
      EXPECT_LT(loss->kept_image + loss->kept_text, 2 * kBatch);
      result = {loss->contrastive, loss->distill, loss->total,
                Gradients(student)};
    });
    return result;
  }

  Result Reference() const {
    const ClipModel student = DoubleModel(model_, kSeed);
    const testing::ReferenceClip reference(student);
    const at::Tensor image = Unit(reference.EncodeImage(images_));
    const at::Tensor text = Unit(reference.EncodeText(tokens_));
    const LossShare loss =
        testing::ReferenceLoss({image.detach(), text.detach(),
                                Unit(teacher_image_), Unit(teacher_text_)},
                               student.logit_scale(), options_);
    ((image * loss.grad_image).sum() + (text * loss.grad_text).sum() +
     student.logit_scale() * loss.grad_logit_scale)
        .backward();
    return {loss.contrastive, loss.distill, loss.total, Gradients(student)};
  }

  static void ExpectSame(const Result& actual, const Result& expected) {
    EXPECT_NEAR(actual.contrastive / expected.contrastive, 1, kPassBound);
    EXPECT_NEAR(actual.distill / expected.distill, 1, kPassBound);
    EXPECT_NEAR(actual.total / expected.total, 1, kPassBound);
    ASSERT_EQ(actual.gradients.size(), expected.gradients.size());
    for (size_t i = 0; i < expected.gradients.size(); ++i) {
      const NamedTensor& reference = expected.gradients[i];
      EXPECT_EQ(actual.gradients[i].tensor.scalar_type(), at::kDouble);
      EXPECT_LE(TensorError(actual.gradients[i].tensor, reference.tensor),
                kPassBound)
          << reference.name;
    }
  }

  static constexpr int64_t kSeed = 3;

  const ModelConfig model_ = testing::SmallModel();
  const at::Tensor images_ =
      testing::RandomImages(kBatch, model_.vision.image_size, 1);
  const at::Tensor tokens_ =
      testing::RandomTokens(kBatch, model_.text.context_length, 2);
  at::Tensor teacher_image_, teacher_text_;
  LossOptions options_;
  TrainConfig train_;
};

TEST_F(StudentPassTest, EveryPathGivesTheGradientsOfTheDefinition) {
  const Result expected = Reference();
  EXPECT_GT(expected.distill, 1e-6);
  for (LossPath path : {LossPath::kDense, LossPath::kTiled}) {
    options_.path = path;
    for (int micro_batch : {0, 1, 6, 22}) {
      train_.micro_batch = micro_batch;
      for (const std::vector<int64_t>& rows :
           std::vector<std::vector<int64_t>>{{kBatch}, {5, 18}, {9, 0, 14}}) {
        SCOPED_TRACE(absl::StrCat(path == LossPath::kTiled ? "tiled" : "dense",
                                  ", micro-batch ", micro_batch, ", rows ",
                                  absl::StrJoin(rows, " ")));
        ExpectSame(Run(rows), expected);
      }
    }
  }
}

TEST_F(StudentPassTest, KeepsNoGraphOfMoreThanAMicroBatch) {
  const ClipModel student = DoubleModel(model_, kSeed);
  const auto features = [&](int micro_batch) {
    train_.micro_batch = micro_batch;
    StudentPass pass(student, train_, images_.narrow(0, 0, 6),
                     tokens_.narrow(0, 0, 6), /*sync=*/nullptr);
    LocalFeatures features;
    pass.Encode(features);
    return features;
  };
  EXPECT_TRUE(features(0).image.requires_grad());
  EXPECT_TRUE(features(6).text.requires_grad());
  EXPECT_FALSE(features(5).image.requires_grad());
  EXPECT_FALSE(features(5).text.requires_grad());
}

}  // namespace
}  // namespace keel
