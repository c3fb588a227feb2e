// One step of a group: its gradients depend neither on the number of members
// nor on how many rows they encode at once.
#include "worker/train/step.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/testing/member_threads.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/train/small_model.h"
#include "worker/train/student_pass.h"

namespace keel {
namespace {

constexpr int64_t kRows = 23;

class StepTest : public ::testing::Test {
 protected:
  struct Result {
    StepReport report;
    at::Tensor gradient;  // of all parameters, flat
  };

  StepTest() {
    method_.name = "modx";
    method_.kl_reduction = KlReduction::kKeptRows;
    train_.global_batch = kRows;
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
      const ClipModel student = SmallModel(1);
      Teacher teacher(ClipModel::Random(SmallModelConfig(), 2), 0);
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
      std::vector<at::Tensor> flat;
      for (const at::Tensor& part : reducer.flat_gradients()) {
        flat.push_back(part.clone());
      }
      result = {outcome->report, at::cat(flat)};
    });
    return result;
  }

  static void ExpectSame(const Result& result, const Result& whole) {
    EXPECT_EQ(result.report.sample_count, kRows);
    EXPECT_EQ(result.report.hash_low, whole.report.hash_low);
    EXPECT_EQ(result.report.agreement_image, whole.report.agreement_image);
    EXPECT_NEAR(result.report.loss_total / whole.report.loss_total, 1, 1e-5);
    EXPECT_LT(testing::TensorError(result.gradient, whole.gradient), 1e-5);
  }

  MethodConfig method_;
  TrainConfig train_;
  FakeChunks chunks_;
  std::vector<SampleList> samples_ = FillWithPictures(chunks_, kRows);
  Tokenizer tokenizer_;
  SampleLoader loader_{
      {.image_size = 16, .context_length = 12}, samples_, chunks_, tokenizer_};
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
