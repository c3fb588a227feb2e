#include <gtest/gtest.h>

#include "tests/testing/recording_metrics.h"
#include "tests/worker/train/phase_harness.h"
#include "worker/train/executor_factory.h"

namespace keel {
namespace {

TEST(MakeExecutorTest, RefusesOptionsByName) {
  NullMetrics metrics;
  ExecutorOptions options;
  options.threads = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(MakeExecutor(options, metrics).status()));
  options = {};
  options.device = "tpu";
  EXPECT_TRUE(absl::IsInvalidArgument(MakeExecutor(options, metrics).status()));
}

TEST(MakeExecutorTest, SaysThatAGpuIsNotThere) {
  NullMetrics metrics;
  ExecutorOptions options;
  options.device = "cuda:63";
  EXPECT_TRUE(absl::IsUnavailable(MakeExecutor(options, metrics).status()));
}

TEST(MakeExecutorTest, DescribesTheCpu) {
  NullMetrics metrics;
  ExecutorOptions options;
  options.device = "cpu";
  auto executor = MakeExecutor(options, metrics);
  ASSERT_TRUE(executor.ok()) << executor.status();
  EXPECT_EQ((*executor)->device().device, "cpu");
  EXPECT_EQ((*executor)->device().threads, 1);
  EXPECT_FALSE((*executor)->device().capability.empty());
}

TEST(ExecutorTest, NamesTheFileThatIsMissing) {
  PhaseHarness harness;
  harness.job.parent_files = {
      {"open_clip_model.safetensors", "/nonexistent/model"}};
  const auto result = harness.Run(1);
  EXPECT_NE(result.statuses[0].message().find("/nonexistent/model"),
            std::string::npos)
      << result.statuses[0];
}

TEST(ExecutorTest, ExportsTheMetricsOfTraining) {
  PhaseHarness harness;
  testing::RecordingMetrics metrics;
  harness.metrics = &metrics;
  ASSERT_TRUE(harness.Run(1).statuses[0].ok());
  EXPECT_EQ(metrics.Value("keel_samples_trained_total"), 210);
  EXPECT_EQ(metrics.Value("keel_allreduce_bytes_total"), 0);
  EXPECT_GT(metrics.Value("keel_loss", {{"kind", "contrastive"}}), 0);
  EXPECT_GT(metrics.Value("keel_loss", {{"kind", "total"}}), 0);
  EXPECT_GT(metrics.Value("keel_logit_scale"), 1);
  EXPECT_GE(metrics.Value("keel_learning_rate"), 0);
  EXPECT_GE(metrics.Value("keel_data_wait_seconds_total"), 0);
  EXPECT_GT(metrics.Value("keel_device_memory_bytes"), 0);
  for (const char* stage :
       {"data", "forward", "loss", "backward", "vote", "optimizer", "total"}) {
    EXPECT_EQ(metrics.HistogramCount("keel_step_duration_seconds",
                                     {{"stage", stage}}),
              21)
        << stage;
  }
}

}  // namespace
}  // namespace keel
