// Steps of a group: what they compute depends neither on the number of members
// nor on how many rows they encode at once.
#include "worker/train/step.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "tests/testing/member_threads.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/model/reference_clip.h"
#include "tests/worker/numerics/reference_loss.h"
#include "tests/worker/train/double_model.h"
#include "tests/worker/train/small_model.h"
#include "worker/train/batch_tensors.h"

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
      flat.push_back(p.tensor.grad().reshape(-1));
    }
    return at::cat(flat);
  }

  static at::Tensor FlatParameters(const ClipModel& model) {
    std::vector<at::Tensor> flat;
    for (const NamedTensor& p : model.parameters()) {
      flat.push_back(p.tensor.detach().reshape(-1));
    }
    return at::cat(flat);
  }

  ClipModel Student() const {
    ClipModel student = ClipModel::Random(model_, 1);
    student.RequireGrad(true);
    return student;
  }

  // Of a batch in which sample `first` comes first.
  LoadedRows Load(const Slice& rows, int64_t first = 0) {
    std::vector<RowRequest> requests;
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      requests.push_back({(first + i) % kRows, 0});
    }
    return *loader_.Load(requests);
  }

  // A member of a group, which has `rows[rank]` rows of each batch.
  class Member {
   public:
    Member(const StepTest& test, const ClipModel& student, Teacher& teacher,
           const std::vector<int64_t>& rows, Communicator& group)
        : method_(*MakeMethod(test.method_, /*has_parent=*/true)),
          optimizer_(student, test.train_),
          reducer_(group, Tensors(student), test.bucket_bytes_),
          clock_(metrics_),
          rows_(rows),
          step_({.student = student,
                 .teacher = &teacher,
                 .sync_batch_norm =
                     test.train_.batch_norm == BatchNormMode::kSync,
                 .method = *method_,
                 .config = test.train_,
                 .optimizer = optimizer_,
                 .reducer = reducer_,
                 .communicator = group,
                 .clock = clock_,
                 .accounting_key = 7}) {
      clock_.Start();
    }

    StepReport Run(const StepOrder& order, const LoadedRows& rows) {
      const auto outcome = step_.Run(order, rows, {rows_, {}});
      EXPECT_TRUE(outcome.ok()) << outcome.status();
      return outcome.ok() ? outcome->report : StepReport();
    }

   private:
    static std::vector<at::Tensor> Tensors(const ClipModel& model) {
      std::vector<at::Tensor> tensors;
      for (const NamedTensor& p : model.parameters()) {
        tensors.push_back(p.tensor);
      }
      return tensors;
    }

    const std::unique_ptr<Method> method_;
    AdamW optimizer_;
    BucketReducer reducer_;
    NullMetrics metrics_;
    StageClock clock_;
    const std::vector<int64_t> rows_;
    TrainStep step_;
  };

  // The rows of a member: its part of the batch.
  static Slice PartOf(const std::vector<int64_t>& rows, int rank) {
    const int64_t begin =
        std::accumulate(rows.begin(), rows.begin() + rank, int64_t{0});
    return {begin, begin + rows[rank]};
  }

  // Member 0's result of one step at a rate of zero.
  Result Step(const std::vector<int64_t>& rows) {
    Result result;
    testing::RunGroup(static_cast<int>(rows.size()), [&](Communicator& group) {
      const ClipModel student = Student();
      Teacher teacher(ClipModel::Random(model_, 2), 0);
      Member member(*this, student, teacher, rows, group);
      const StepReport report =
          member.Run({}, Load(PartOf(rows, group.rank())));
      if (group.rank() > 0) return;
      result = {report, FlatGradient(student),
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
  int64_t bucket_bytes_ = 4096;
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

// Twenty steps in float64, where neither a ReLU nor AdamW turns rounding into
// another run: what is left of a difference is an error.
class ExactStepTest : public StepTest {
 protected:
  static constexpr int64_t kSteps = 20;
  static constexpr double kBound = 1e-9;

  struct Run {
    std::vector<double> losses;
    at::Tensor gradient;    // of the last step, flat
    at::Tensor parameters;  // flat
    std::vector<NamedTensor> buffers;
  };

  explicit ExactStepTest(ModelConfig::Vision vision = SmallModelConfig().vision)
      : StepTest(Model(std::move(vision))) {
    // Twenty steps in few collectives.
    bucket_bytes_ = 1 << 20;
  }

  // Few elements for the many tokens.
  static ModelConfig Model(ModelConfig::Vision vision) {
    ModelConfig model = SmallModelConfig();
    model.text.width = 8;
    model.vision = std::move(vision);
    return model;
  }

  // Member 0's run.
  Run Train(const std::vector<int64_t>& rows) {
    Run run;
    testing::RunGroup(static_cast<int>(rows.size()), [&](Communicator& group) {
      const ClipModel student = DoubleModel(model_, 1);
      Teacher teacher(DoubleModel(model_, 2), 1 << 20);
      Member member(*this, student, teacher, rows, group);
      const Slice own = PartOf(rows, group.rank());
      std::vector<double> losses;
      for (int64_t i = 0; i < kSteps; ++i) {
        losses.push_back(
            member.Run({.step = i, .learning_rate = 1e-3}, Load(own, i))
                .loss_total);
      }
      if (group.rank() > 0) return;
      run = {losses, FlatGradient(student), FlatParameters(student),
             student.buffers()};
    });
    return run;
  }

  static double NormError(const at::Tensor& actual,
                          const at::Tensor& expected) {
    return ((actual - expected).norm() / expected.norm()).item<double>();
  }

  static void ExpectSame(const Run& run, const Run& whole) {
    ASSERT_EQ(run.losses.size(), kSteps);
    for (int64_t i = 0; i < kSteps; ++i) {
      EXPECT_NEAR(run.losses[i] / whole.losses[i], 1, kBound) << i;
    }
    EXPECT_LE(testing::TensorError(run.gradient, whole.gradient), kBound);
    EXPECT_LE(NormError(run.parameters, whole.parameters), kBound);
    ASSERT_EQ(run.buffers.size(), whole.buffers.size());
    for (size_t i = 0; i < whole.buffers.size(); ++i) {
      const NamedTensor& expected = whole.buffers[i];
      EXPECT_LE(testing::TensorError(run.buffers[i].tensor, expected.tensor),
                kBound)
          << expected.name;
    }
  }

  void ExpectNoDependenceOnTheMembers() {
    const Run whole = Train({kRows});
    ASSERT_EQ(whole.losses.size(), kSteps);
    EXPECT_EQ(whole.parameters.scalar_type(), at::kDouble);
    EXPECT_LT(whole.losses.back(), 0.9 * whole.losses.front());
    for (const std::vector<int64_t>& rows :
         std::vector<std::vector<int64_t>>{{5, 18}, {9, 0, 14}}) {
      SCOPED_TRACE(absl::StrJoin(rows, " "));
      ExpectSame(Train(rows), whole);
    }
  }
};

class ExactResNetStepTest : public ExactStepTest {
 protected:
  // 64 px leave 2 x 2 places to pool.
  ExactResNetStepTest()
      : ExactStepTest({.image_size = 64,
                       .width = 8,
                       .heads = 4,
                       .blocks = {1, 1, 1, 1}}) {
    train_.batch_norm = BatchNormMode::kSync;
  }
};

TEST_F(ExactStepTest, TwentyStepsDoNotDependOnTheMembers) {
  ExpectNoDependenceOnTheMembers();
}

TEST_F(ExactResNetStepTest, TwentyStepsDoNotDependOnTheMembers) {
  ExpectNoDependenceOnTheMembers();
}

}  // namespace
}  // namespace keel
