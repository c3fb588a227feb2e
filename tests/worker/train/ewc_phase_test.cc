// Phases of method ewc through the executor.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "common/plan/phase_schedule.h"
#include "tests/testing/tensor_error.h"
#include "tests/worker/train/phase_harness.h"
#include "tests/worker/train/small_model.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/data/sample_loader.h"
#include "worker/data/tokenizer.h"
#include "worker/train/batch_tensors.h"

namespace keel {
namespace {

using enum ArtifactKind;
using testing::TensorError;

class EwcPhaseTest : public ::testing::Test {
 protected:
  EwcPhaseTest() { harness_.job.config.method.name = "ewc"; }

  PhaseHarness::Result Train(int world_size) {
    return harness_.Train(world_size);
  }

  static std::string Bytes(const std::vector<LocalFile>& files,
                           const std::string& name) {
    for (const LocalFile& file : files) {
      if (file.name == name) return *ReadFile(file.path);
    }
    ADD_FAILURE() << "no file " << name;
    return "";
  }

  // CLIP's loss over one step's rows, by autograd on dense matrices.
  at::Tensor DenseLoss(const ClipModel& model, SampleLoader& loader,
                       const PhaseSchedule& schedule, int64_t step) const {
    std::vector<RowRequest> requests;
    const int epoch = schedule.EpochOfStep(step);
    for (int64_t sample : schedule.SamplesOfStep(step)) {
      const auto captions =
          static_cast<int>(loader.sample(sample).captions.size());
      requests.push_back({sample, schedule.CaptionOf(epoch, sample, captions)});
    }
    const LoadedRows rows = *loader.Load(requests);
    const auto unit = [](const at::Tensor& x) {
      return x / x.norm(2, {1}, true);
    };
    const at::Tensor image =
        unit(model.EncodeImage(ImageTensor(rows, model.config(), at::kCPU)));
    const at::Tensor text =
        unit(model.EncodeText(TokenTensor(rows, model.config(), at::kCPU)));
    const at::Tensor logits =
        at::mm(image, text.t()) * model.logit_scale().exp();
    return -(logits.log_softmax(1).diagonal().mean() +
             logits.log_softmax(0).diagonal().mean()) /
           2;
  }

  PhaseHarness harness_;
};

// Their gradients are zero in exact mathematics.
bool IsKeyBias(const NamedTensor& parameter) {
  return KeyBiasOf(parameter.name, parameter.tensor).defined();
}

// The rate is so small that the weights stay as they were, so the last epoch's
// gradients can be computed here again.
TEST_F(EwcPhaseTest, PublishesTheMeanSquaredGradientOfItsLastEpoch) {
  harness_.job.config.train.epochs = 2;
  harness_.job.config.train.lr = 1e-30;
  const auto result = Train(2);
  ClipModel model =
      *LoadModel(result.Files(kInitial, 0), at::kCPU, SmallModelConfig());
  model.RequireGrad(true);
  const Tokenizer tokenizer;
  SampleLoader loader({.image_size = 16, .context_length = 12},
                      harness_.job.samples, harness_.chunks(), tokenizer);
  const auto schedule = PhaseSchedule::Create({.seed = 5,
                                               .phase = harness_.job.phase,
                                               .sample_count = 30,
                                               .global_batch = 10,
                                               .epochs = 2});
  std::vector<at::Tensor> expected;
  for (int64_t step = 3; step < 6; ++step) {
    for (const NamedTensor& p : model.parameters()) {
      p.tensor.mutable_grad().reset();
    }
    DenseLoss(model, loader, *schedule, step).backward();
    for (size_t i = 0; i < model.parameters().size(); ++i) {
      const at::Tensor square =
          model.parameters()[i].tensor.grad().to(at::kDouble).pow(2) / 3;
      step == 3 ? expected.push_back(square) : void(expected[i] += square);
    }
  }
  const auto fisher = LoadFisher(result.Files(kResult, 6), model);
  ASSERT_TRUE(fisher.ok() && fisher->has_value()) << fisher.status();
  EXPECT_EQ((*fisher)->phase_count, 1);
  double largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, expected[i].max().item<double>());
    if (IsKeyBias(model.parameters()[i])) continue;
    EXPECT_LT(TensorError((*fisher)->diagonal[i], expected[i]), 1e-4)
        << model.parameters()[i].name;
  }
  EXPECT_GT(largest, 0);
  EXPECT_NE(Bytes(result.Files(kResult, 6), kManifestFile).find("mean_fisher"),
            std::string::npos);
}

TEST_F(EwcPhaseTest, PullsTowardsTheParent) {
  harness_.TrainParent();
  harness_.job.config.method.ewc_lambda = 1e-6;
  const auto loose = Train(1);
  harness_.job.config.method.ewc_lambda = 1e6;
  const auto tight = Train(1);
  EXPECT_EQ(tight.reports[0].loss_distill, 0);
  for (const StepReport& report : tight.reports) {
    EXPECT_NEAR(report.loss_total,
                report.loss_contrastive + report.loss_distill,
                1e-9 * report.loss_total);
  }
  EXPECT_GT(tight.reports.back().loss_distill, 0);
  // The same pull, measured by the same F.
  EXPECT_LT(tight.reports.back().loss_distill / 1e6,
            0.5 * loose.reports.back().loss_distill / 1e-6);
}

TEST_F(EwcPhaseTest, DoesNotDependOnTheNumberOfWorkers) {
  harness_.TrainParent();
  const auto one = Train(1);
  const auto three = Train(3);
  PhaseHarness::ExpectLosses(three, one, 1e-5);
  const ClipModel model = SmallModel(1);
  const auto a = LoadFisher(one.Files(kResult, 21), model);
  const auto b = LoadFisher(three.Files(kResult, 21), model);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ((*a)->phase_count, 2);
  for (size_t i = 0; i < (*a)->diagonal.size(); ++i) {
    if (IsKeyBias(model.parameters()[i])) continue;
    EXPECT_LT(TensorError((*b)->diagonal[i], (*a)->diagonal[i]), 1e-4)
        << model.parameters()[i].name;
  }
}

// It stops inside the last epoch, whose sums are in the resume point.
TEST_F(EwcPhaseTest, EndsWithTheSameBitsAfterAResume) {
  harness_.TrainParent();
  const auto whole = Train(2);
  const auto stopped = harness_.Run(2, 19);
  const int64_t at = static_cast<int64_t>(stopped.reports.size());
  ASSERT_GT(at, 18);
  ASSERT_LT(at, 21);
  harness_.job.resume_files = stopped.Files(kResumePoint, at);
  harness_.job.start_step = at;
  harness_.job.generation = 2;
  const auto resumed = Train(2);
  for (const char* name : {kModelFile, kFisherFile}) {
    EXPECT_EQ(Bytes(resumed.Files(kResult, 21), name),
              Bytes(whole.Files(kResult, 21), name))
        << name;
  }
}

}  // namespace
}  // namespace keel
