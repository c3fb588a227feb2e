#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/config/stream_config.h"

namespace keel {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

void ExpectRefused(const std::string& yaml, const std::string& message) {
  const auto file = ParseStreamConfig(yaml, "a.yaml");
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << yaml;
  EXPECT_EQ(std::string(file.status().message()), message);
}

TEST(ParseStreamConfigTest, ReadsADocumentedFile) {
  const auto file = ParseStreamConfig(R"(
model: {preset: tiny}
initial: {checkpoint: /models/start}   # a folder
method: {name: modx, profile: modx-safe, alpha: 20, kl_reduction: kept_rows,
         replay: {samples: 256, per_batch: 64}, interpolate: 0.6}
group: {min_workers: 1, max_workers: 64, priority: -2}
phase: {policy: min_samples, min_samples: 100000, max_wait: 1h}
train:
  epochs: 35
  global_batch: 280
  lr: 5e-4
  precision: "bf16"
probe: {fraction: 0.05, max_per_phase: 5000, evaluate: spaced}
checkpoint: {resume_every: 60s, keep: all}
limits: {max_image_pixels: 100000000, max_chunk_bytes: 64GiB}
)",
                                      "a.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  const v1::StreamConfig& config = file->config;
  EXPECT_EQ(config.model().preset(), "tiny");
  EXPECT_EQ(file->initial_checkpoint_path, "/models/start");
  EXPECT_EQ(config.method().kl_reduction(), v1::MethodConfig::KEPT_ROWS);
  EXPECT_EQ(config.method().interpolate(), 0.6);
  EXPECT_EQ(config.method().replay().samples(), 256);
  EXPECT_EQ(config.method().replay().per_batch(), 64);
  EXPECT_EQ(config.group().priority(), -2);
  EXPECT_EQ(config.phase().policy(), v1::PhaseConfig::MIN_SAMPLES);
  EXPECT_EQ(config.phase().max_wait().seconds(), 3600);
  EXPECT_EQ(config.train().precision(), v1::TrainConfig::BF16);
  EXPECT_EQ(config.probe().evaluate(), v1::ProbeConfig::SPACED);
  EXPECT_EQ(config.limits().max_chunk_bytes(), int64_t{64} << 30);
}

TEST(ParseStreamConfigTest, LeavesUnsetWhatTheFileDoesNotSay) {
  const auto file = ParseStreamConfig("train:\n  epochs: 3\n", "a.yaml");
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(file->config.has_method());
  EXPECT_FALSE(file->config.train().has_warmup());
}

TEST(ParseStreamConfigTest, TakesEmptyFilesAndSections) {
  EXPECT_TRUE(ParseStreamConfig("", "a.yaml").ok());
  EXPECT_TRUE(ParseStreamConfig("# nothing\n", "a.yaml").ok());
  EXPECT_TRUE(ParseStreamConfig("train:\n  # lr: 1\n", "a.yaml").ok());
}

TEST(ParseStreamConfigTest, SuggestsForUnknownKeysWithTheirLine) {
  ExpectRefused("model: {preset: tiny}\n\ntrain:\n  lr: 1\n  epoch: 3\n",
                "a.yaml:5: unknown key 'train.epoch'; did you mean 'epochs'?");
  ExpectRefused("trian: {}",
                "a.yaml:1: unknown key 'trian'; did you mean 'train'?");
  ExpectRefused("method: {\n  lr: 1}",
                "a.yaml:2: unknown key 'method.lr'; did you mean 'train.lr'?");
  ExpectRefused("train:\n  zzzzzz: 1", "a.yaml:2: unknown key 'train.zzzzzz'");
}

TEST(ParseStreamConfigTest, NamesTheLineOfAWrongValue) {
  ExpectRefused("train:\n  epochs: few",
                "a.yaml:2: train.epochs must be a whole number, got 'few'");
  ExpectRefused("train:\n  warmup: 2",
                "a.yaml:2: train.warmup must be in [0, 1), got 2");
  ExpectRefused("checkpoint:\n\n  resume_every: 60",
                "a.yaml:3: checkpoint.resume_every must be a duration with a "
                "unit, such as 60s or 1h, got '60'");
  ExpectRefused(
      "limits: {max_chunk_bytes: 64G}",
      "a.yaml:1: limits.max_chunk_bytes must be a size such as 512MiB "
      "or 64GiB, got '64G'");
  ExpectRefused(
      "model:\n  preset: rn51",
      "a.yaml:2: model.preset must be one of tiny, tiny-bench, vit-b-32, "
      "vit-b-16, vit-l-14, rn50, got 'rn51'");
  ExpectRefused("model: {vision: {blocks: [3, x]}}",
                "a.yaml:1: model.vision.blocks must be a list of whole numbers "
                "such as [3, 4, 6, 3], got '[3, x]'");
}

TEST(ParseStreamConfigTest, RefusesAnotherShapeThanTheKeys) {
  ExpectRefused("- a\n- b", "a.yaml:1: must be a map of sections");
  ExpectRefused("train: 3", "a.yaml:1: 'train' must be a map");
  ExpectRefused("train:\n  epochs: [1, 2]",
                "a.yaml:2: 'train.epochs' must have one value");
  ExpectRefused("model:\n  vision: {blocks: [[3], 4]}",
                "a.yaml:2: 'model.vision.blocks' must have one value");
  ExpectRefused("train:\n  epochs:\n  lr: 1",
                "a.yaml:2: 'train.epochs' must have one value");
  ExpectRefused("? [a]\n: 3", "a.yaml:1: a key must be a plain word");
}

TEST(ParseStreamConfigTest, RefusesAKeyThatStandsTwice) {
  ExpectRefused("train:\n  lr: 1\n  lr: 2",
                "a.yaml:3: key 'train.lr' stands here twice");
}

TEST(ParseStreamConfigTest, NamesTheLineOfASyntaxError) {
  const auto file = ParseStreamConfig("train:\n  lr: [1\n", "a.yaml");
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()), StartsWith("a.yaml:3: "));
}

TEST(ParseStreamConfigTest, SurvivesHostileText) {
  for (const std::string& yaml :
       {std::string(10'000, '['), std::string("\0\xff\xfe", 3),
        std::string("&a [*a, *a]"), std::string("train: *none"),
        std::string("\xff: 1"), std::string("%YAML 9"),
        "train: {lr: " + std::string(100'000, '9') + "}"}) {
    EXPECT_EQ(ParseStreamConfig(yaml, "a.yaml").status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(ParseStreamConfigTest, TakesAnOpenClipFileInPlaceOfAPreset) {
  const auto file =
      ParseStreamConfig("model: {open_clip_config: m.json}", "a.yaml");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->open_clip_config_path, "m.json");
  ExpectRefused(
      "model: {open_clip_config: m.json, preset: tiny}",
      "a.yaml: model.open_clip_config describes the whole model; give "
      "no other key of 'model' with it");
}

}  // namespace
}  // namespace keel
