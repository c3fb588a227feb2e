#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/config/stream_config.h"

namespace keel {
namespace {

// The message for a valid configuration after `change`.
std::string Problem(const std::function<void(v1::StreamConfig*)>& change) {
  v1::StreamConfig config = WithDefaults({});
  change(&config);
  const absl::Status status = ValidateStreamConfig(config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

// As Problem, for a model without a preset.
std::string ModelProblem(const std::function<void(v1::ModelConfig*)>& change) {
  return Problem([&](v1::StreamConfig* config) {
    config->mutable_model()->clear_preset();
    change(config->mutable_model());
  });
}

TEST(ValidateStreamConfigTest, NamesTheKeyThatIsOutOfRange) {
  EXPECT_EQ(Problem([](auto* c) { c->mutable_method()->set_alpha(-1); }),
            "method.alpha must not be negative, got -1");
  EXPECT_EQ(Problem([](auto* c) { c->mutable_train()->set_global_batch(-3); }),
            "train.global_batch must be positive, got -3");
  EXPECT_EQ(Problem([](auto* c) { c->mutable_probe()->set_fraction(1); }),
            "probe.fraction must be in [0, 1), got 1");
  EXPECT_EQ(Problem([](auto* c) { c->mutable_method()->set_name("si"); }),
            "method.name must be one of finetune, modx, lwf, ewc, joint, got "
            "'si'");
}

TEST(ValidateStreamConfigTest, NamesAnUnknownPreset) {
  v1::StreamConfig config;
  config.mutable_model()->set_preset("rn51");
  EXPECT_EQ(ValidateStreamConfig(WithDefaults(config)).message(),
            "model.preset must be one of tiny, tiny-bench, vit-b-32, vit-b-16, "
            "vit-l-14, rn50, got 'rn51'");
}

TEST(ValidateStreamConfigTest, RefusesAnMlpOfNoUnit) {
  EXPECT_EQ(
      ModelProblem([](auto* m) { m->mutable_vision()->set_mlp_ratio(0.005); }),
      "model.vision.mlp_ratio must leave the MLP one unit of the width "
      "192, got 0.005");
  EXPECT_EQ(
      ModelProblem([](auto* m) { m->mutable_text()->set_mlp_ratio(0.005); }),
      "model.text.mlp_ratio must leave the MLP one unit of the width 192, got "
      "0.005");
}

// What is wrong with a ResNet of OpenCLIP's RN50x4, changed.
std::string ResNetProblem(
    const std::function<void(v1::ModelConfig::Vision*)>& change) {
  v1::StreamConfig config;
  *config.mutable_model() = ModelPreset("rn50").value();
  config.mutable_model()->clear_preset();
  v1::ModelConfig::Vision& vision = *config.mutable_model()->mutable_vision();
  vision.set_image_size(288);
  vision.set_width(80);
  vision.set_heads(40);
  change(&vision);
  return std::string(ValidateStreamConfig(WithDefaults(config)).message());
}

TEST(ValidateStreamConfigTest, RefusesResNetsThatDoNotFitTogether) {
  EXPECT_EQ(ResNetProblem([](auto*) {}), "");
  EXPECT_EQ(ResNetProblem([](auto* v) { v->set_image_size(300); }),
            "32 must divide model.vision.image_size of a ResNet, got 32 and "
            "300");
  EXPECT_EQ(ResNetProblem([](auto* v) { v->set_width(81); }),
            "2 must divide model.vision.width of a ResNet, got 2 and 81");
  EXPECT_EQ(ResNetProblem([](auto* v) { v->set_heads(39); }),
            "model.vision.heads must divide 32 times model.vision.width, got "
            "39 and 2560");
  EXPECT_EQ(ResNetProblem([](auto* v) { v->add_blocks(2); }),
            "model.vision.blocks must have four numbers, got 5");
  EXPECT_EQ(ResNetProblem([](auto* v) { v->set_blocks(2, 257); }),
            "model.vision.blocks must be at most 256, got [3, 4, 257, 3]");
  EXPECT_EQ(ResNetProblem([](auto* v) { v->set_layers(12); }),
            "model.vision.layers must not stand beside model.vision.blocks, "
            "got 12");
}

TEST(ValidateStreamConfigTest, TakesAPresetsOwnBlocks) {
  v1::StreamConfig config;
  config.mutable_model()->set_preset("rn50");
  for (int blocks : {3, 4, 6, 3}) {
    config.mutable_model()->mutable_vision()->add_blocks(blocks);
  }
  EXPECT_TRUE(ValidateStreamConfig(WithDefaults(config)).ok());
  config.mutable_model()->mutable_vision()->set_blocks(2, 23);
  EXPECT_EQ(ValidateStreamConfig(WithDefaults(config)).message(),
            "model.vision.blocks is [3, 4, 23, 3], but preset 'rn50' has [3, "
            "4, 6, 3]; give all of the model's values and no preset");
}

TEST(ValidateStreamConfigTest, RefusesMicroBatchesOfALearningBatchNorm) {
  v1::StreamConfig config;
  config.mutable_model()->set_preset("rn50");
  config.mutable_train()->set_micro_batch(64);
  EXPECT_EQ(ValidateStreamConfig(WithDefaults(config)).message(),
            "train.micro_batch needs train.batch_norm frozen where the model "
            "has BatchNorm, got train.micro_batch 64");
  config.mutable_train()->set_batch_norm(v1::TrainConfig::FROZEN);
  EXPECT_TRUE(ValidateStreamConfig(WithDefaults(config)).ok());
  config.mutable_train()->clear_batch_norm();
  config.mutable_model()->set_preset("tiny");
  EXPECT_TRUE(ValidateStreamConfig(WithDefaults(config)).ok());
}

TEST(ValidateStreamConfigTest, RefusesAPresetWithOtherValues) {
  EXPECT_EQ(Problem([](auto* c) {
              c->mutable_model()->mutable_vision()->set_width(384);
            }),
            "model.vision.width is 384, but preset 'tiny' has 192; give all of "
            "the model's values and no preset");
}

TEST(ValidateStreamConfigTest, RefusesModelsThatDoNotFitTogether) {
  EXPECT_EQ(
      ModelProblem([](auto* m) { m->mutable_vision()->set_patch_size(15); }),
      "model.vision.patch_size must divide model.vision.image_size, got "
      "15 and 64");
  EXPECT_EQ(ModelProblem([](auto* m) { m->mutable_vision()->set_heads(5); }),
            "model.vision.heads must divide model.vision.width, got 5 and 192");
  EXPECT_EQ(ModelProblem([](auto* m) { m->mutable_text()->set_heads(5); }),
            "model.text.heads must divide model.text.width, got 5 and 192");
  EXPECT_EQ(
      ModelProblem([](auto* m) { m->mutable_text()->set_vocab_size(99); }),
      "model.text.vocab_size must be 49408, got 99");
  EXPECT_EQ(
      ModelProblem([](auto* m) { m->mutable_text()->set_context_length(2); }),
      "model.text.context_length must be at least 3, got 2");
  EXPECT_EQ(ModelProblem([](auto* m) { m->clear_embed_dim(); }),
            "model.embed_dim must be positive, got 0");
}

TEST(ValidateStreamConfigTest, RefusesMoreWorkersAtLeastThanAtMost) {
  EXPECT_EQ(Problem([](auto* c) { c->mutable_group()->set_min_workers(65); }),
            "group.max_workers must not be less than group.min_workers, got 64 "
            "and 65");
}

TEST(ValidateStreamConfigTest, RefusesToForgetCheckpoints) {
  EXPECT_EQ(Problem([](auto* c) { c->mutable_checkpoint()->set_keep(3); }),
            "checkpoint.keep must be all: this version keeps all checkpoints, "
            "got 3");
}

TEST(ValidateStreamConfigTest, RefusesReplayThatCannotBe) {
  const auto problem = [](int samples, int per_batch, const char* method) {
    return Problem([&](auto* c) {
      c->mutable_method()->set_name(method);
      c->mutable_method()->mutable_replay()->set_samples(samples);
      c->mutable_method()->mutable_replay()->set_per_batch(per_batch);
    });
  };
  const std::string range =
      "method.replay.per_batch must be 1 to method.replay.samples, got ";
  EXPECT_EQ(problem(256, 0, "modx"), range + "0 and 256");
  EXPECT_EQ(problem(0, 64, "modx"), range + "64 and 0");
  EXPECT_EQ(problem(32, 64, "finetune"), range + "64 and 32");
  EXPECT_EQ(problem(-1, 1, "finetune"),
            "method.replay.samples must not be negative, got -1");
  EXPECT_EQ(problem(256, 64, "joint"),
            "method.replay is not for method.name joint, which trains all "
            "samples of earlier phases anyway");
  for (const char* method : {"finetune", "modx", "lwf", "ewc"}) {
    v1::StreamConfig config;
    config.mutable_method()->set_name(method);
    config.mutable_method()->mutable_replay()->set_samples(256);
    config.mutable_method()->mutable_replay()->set_per_batch(64);
    EXPECT_EQ(ValidateStreamConfig(WithDefaults(config)), absl::OkStatus());
  }
}

TEST(ValidateStreamConfigTest, RefusesToInterpolateTheJointMethod) {
  EXPECT_EQ(Problem([](auto* c) {
              c->mutable_method()->set_name("joint");
              c->mutable_method()->set_interpolate(0.5);
            }),
            "method.interpolate is not for method.name joint, whose parent is "
            "what the stream started from, got 0.5");
}

TEST(ValidateStreamConfigTest, AcceptsDropLastInBothProfiles) {
  for (const char* profile : {"modx-safe", "modx-official"}) {
    v1::StreamConfig config;
    config.mutable_method()->set_profile(profile);
    config.mutable_train()->set_drop_last(true);
    EXPECT_EQ(ValidateStreamConfig(WithDefaults(config)), absl::OkStatus());
  }
}

TEST(ValidateStreamConfigTest, AcceptsBf16AndZeroWhereItHasAMeaning) {
  v1::StreamConfig config;
  config.mutable_train()->set_precision(v1::TrainConfig::BF16);
  config.mutable_method()->set_alpha(0);
  config.mutable_train()->set_warmup(0);
  config.mutable_probe()->set_fraction(0);
  config.mutable_phase()->mutable_max_wait();
  EXPECT_EQ(ValidateStreamConfig(WithDefaults(config)), absl::OkStatus());
}

}  // namespace
}  // namespace keel
