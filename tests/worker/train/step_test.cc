// One step of a group: its gradients depend neither on the number of members
// nor on how many rows they encode at once.
#include "worker/train/step.h"

#include <gtest/gtest.h>

#include <numeric>
#include <utility>
#include <vector>

#include "tests/testing/member_threads.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/model/reference_clip.h"
#include "tests/worker/numerics/reference_loss.h"
#include "tests/worker/train/small_model.h"
#include "worker/train/batch_tensors.h"
#include "worker/train/student_pass.h"

namespace keel {
namespace {

constexpr int64_t kRows = 23;

class StepTest : public ::testing::Test {
 protected:
  struct Result {
    StepReport report;
    at::Tensor gradient;  // of all parameters, flat
    double grad_logit_scale = 0;
  };

  explicit StepTest(ModelConfig model = SmallModelConfig())
      : model_(std::move(model)) {
    method_.name = "modx";
    method_.kl_reduction = KlReduction::kKeptRows;
    train_.global_batch = kRows;
  }

  static at::Tensor FlatGradient(const ClipModel& model) {
    std::vector<at::Tensor> flat;
    for (const NamedTensor& p : model.parameters()) {
      flat.push_back(p.tensor.grad().reshape(-1).clone());
    }
    return at::cat(flat);
  }

  ClipModel Student() const {
    ClipModel student = ClipModel::Random(model_, 1);
    student.RequireGrad(true);
    return student;
  }

  LoadedRows Load(const Slice& rows) {
    std::vector<RowRequest> requests;
    for (int64_t i = rows.begin; i < rows.end; ++i) requests.push_back({i, 0});
    return *loader_.Load(requests);
  }

  // Member 0's result of one step at a rate of zero.
  Result Step(const std::vector<int64_t>& rows) {
    Result result;
    testing::RunGroup(static_cast<int>(rows.size()), [&](Communicator& group) {
      const int64_t begin = std::accumulate(
          rows.begin(), rows.begin() + group.rank(), int64_t{0});
      const ClipModel student = Student();
      Teacher teacher(ClipModel::Random(model_, 2), 0);
      const auto method = MakeMethod(method_, true);
      AdamW optimizer(student, train_);
      std::vector<at::Tensor> parameters;
      for (const NamedTensor& p : student.parameters()) {
        parameters.push_back(p.tensor);
      }
      BucketReducer reducer(group, parameters, 4096);
      NullMetrics metrics;
      StageClock clock(metrics);
      clock.Start();
      TrainStep step({.student = student,
                      .teacher = &teacher,
                      .method = **method,
                      .config = train_,
                      .optimizer = optimizer,
                      .reducer = reducer,
                      .communicator = group,
                      .clock = clock,
                      .accounting_key = 7});
      auto outcome =
          step.Run({}, Load({begin, begin + rows[group.rank()]}), {rows, {}});
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      if (group.rank() > 0) return;
      result = {outcome->report, FlatGradient(student),
                student.logit_scale().grad().item<double>()};
    });
    return result;
  }

  // Of the whole batch, by a model and a loss that share nothing with the
  // product, in float64.
  Result PublishedStep() {
    const ClipModel student = Student();
    const ClipModel parent = ClipModel::Random(model_, 2);
    const LoadedRows rows = Load({0, kRows});
    const at::Tensor images = ImageTensor(rows, model_, at::kCPU);
    const at::Tensor tokens = TokenTensor(rows, model_, at::kCPU);
    const auto unit = [](const at::Tensor& x) {
      return x / x.norm(2, {1}, true);
    };
    const testing::ReferenceClip model(student), teacher(parent);
    const at::Tensor image = unit(model.EncodeImage(images));
    const at::Tensor text = unit(model.EncodeText(tokens));
    const LossShare loss =
        testing::PublishedLoss({image, text, unit(teacher.EncodeImage(images)),
                                unit(teacher.EncodeText(tokens))},
                               student.logit_scale(), method_.alpha);
    ((image * loss.grad_image).sum() + (text * loss.grad_text).sum() +
     student.logit_scale() * loss.grad_logit_scale)
        .sum()
        .backward();
    StepReport report;
    report.loss_total = loss.total;
    report.loss_contrastive = loss.contrastive;
    report.loss_distill = loss.distill;
    return {report, FlatGradient(student),
            loss.grad_logit_scale.item<double>()};
  }

  static void ExpectSame(const Result& result, const Result& whole) {
    EXPECT_EQ(result.report.sample_count, kRows);
    EXPECT_EQ(result.report.hash_low, whole.report.hash_low);
    EXPECT_EQ(result.report.agreement_image, whole.report.agreement_image);
    EXPECT_NEAR(result.report.loss_total / whole.report.loss_total, 1, 1e-5);
    EXPECT_LT(testing::TensorError(result.gradient, whole.gradient), 1e-5);
  }

  const ModelConfig model_;
  MethodConfig method_;
  TrainConfig train_;
  FakeChunks chunks_;
  std::vector<SampleList> samples_ = FillWithPictures(chunks_, kRows);
  Tokenizer tokenizer_;
  SampleLoader loader_{{.image_size = model_.vision.image_size,
                        .context_length = model_.text.context_length},
                       samples_,
                       chunks_,
                       tokenizer_};
};

class ResNetStepTest : public StepTest {
 protected:
  static ModelConfig Model() {
    ModelConfig model = SmallModelConfig();
    model.vision = {
        .image_size = 32, .width = 8, .heads = 4, .blocks = {1, 1, 1, 1}};
    return model;
  }

  ResNetStepTest() : StepTest(Model()) {
    train_.batch_norm = BatchNormMode::kFrozen;
  }
};

TEST_F(StepTest, GradientsDoNotDependOnTheMembers) {
  const Result whole = Step({kRows});
  EXPECT_GT(whole.gradient.abs().max().item<double>(), 1e-3);
  EXPECT_GT(whole.report.loss_distill, 0);
  ExpectSame(Step({5, 18}), whole);
  ExpectSame(Step({9, 0, 14}), whole);
  ExpectSame(Step({1, 9, 6, 7}), whole);
}

TEST_F(StepTest, GradientsDoNotDependOnTheMicroBatch) {
  const Result whole = Step({kRows});
  for (int micro_batch : {1, 6, 22, 23}) {
    train_.micro_batch = micro_batch;
    ExpectSame(Step({kRows}), whole);
    // Members that go backward once, three times and not at all.
    ExpectSame(Step({1, 0, 22}), whole);
  }
}

TEST_F(StepTest, GradientsAreThoseOfThePublishedLoss) {
  method_.kl_reduction = KlReduction::kSum;
  const Result expected = PublishedStep();
  EXPECT_GT(expected.report.loss_distill, 1e-3);
  for (int micro_batch : {0, 6}) {
    train_.micro_batch = micro_batch;
    for (const std::vector<int64_t>& rows :
         std::vector<std::vector<int64_t>>{{kRows}, {5, 18}, {9, 0, 14}}) {
      const Result result = Step(rows);
      const auto ratio = [&](auto part) {
        return part(result) / part(expected);
      };
      EXPECT_NEAR(ratio([](auto& r) { return r.report.loss_total; }), 1, 1e-5);
      EXPECT_NEAR(ratio([](auto& r) { return r.report.loss_contrastive; }), 1,
                  1e-5);
      EXPECT_NEAR(ratio([](auto& r) { return r.report.loss_distill; }), 1,
                  1e-5);
      EXPECT_NEAR(ratio([](auto& r) { return r.grad_logit_scale; }), 1, 3e-5);
      EXPECT_LT(testing::TensorError(result.gradient, expected.gradient), 1e-5);
    }
  }
}

// Each row by itself: its statistics are the running ones.
TEST_F(ResNetStepTest, FrozenGradientsDoNotDependOnTheMicroBatch) {
  const Result whole = Step({kRows});
  EXPECT_GT(whole.gradient.abs().max().item<double>(), 1e-3);
  for (int micro_batch : {1, 6, 22}) {
    train_.micro_batch = micro_batch;
    ExpectSame(Step({kRows}), whole);
    ExpectSame(Step({1, 0, 22}), whole);
  }
}

TEST_F(StepTest, KeepsNoGraphOfMoreThanAMicroBatch) {
  const ClipModel student = SmallModel(1);
  const auto features = [&](int micro_batch) {
    train_.micro_batch = micro_batch;
    StudentPass pass(student, train_, at::rand({6, 3, 16, 16}),
                     at::full({6, 4}, 49407, at::kLong), /*sync=*/nullptr);
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
