#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/config/stream_config.h"

namespace keel {
namespace {

using testing::HasSubstr;

void ExpectReadsBack(const v1::StreamConfig& config) {
  const std::string yaml = StreamConfigToYaml(config);
  const auto file = ParseStreamConfig(yaml, "printed.yaml");
  ASSERT_TRUE(file.ok()) << file.status() << "\n" << yaml;
  EXPECT_TRUE(
      google::protobuf::util::MessageDifferencer::Equals(file->config, config))
      << yaml;
}

TEST(StreamConfigToYamlTest, ReadsBackTheSameForEveryPreset) {
  for (const std::string& preset : ModelPresetNames()) {
    v1::StreamConfig config;
    config.mutable_model()->set_preset(preset);
    ExpectReadsBack(WithDefaults(config));
  }
}

TEST(StreamConfigToYamlTest, ReadsBackOddValues) {
  v1::StreamConfig config;
  config.mutable_method()->set_profile("modx-official");
  config.mutable_method()->set_alpha(0);
  config.mutable_train()->set_lr(1.0 / 3e5);
  config.mutable_train()->set_seed(INT64_MIN);
  config.mutable_train()->set_drop_last(false);
  config.mutable_phase()->mutable_max_wait()->set_nanos(1);
  config.mutable_limits()->set_max_image_bytes(1025);
  config.mutable_limits()->set_max_struck_fraction(0);
  ExpectReadsBack(WithDefaults(config));
}

TEST(StreamConfigToYamlTest, ReadsBackAnArchitectureWithoutAPreset) {
  v1::StreamConfig config;
  *config.mutable_model() = ModelPreset("tiny").value();
  config.mutable_model()->clear_preset();
  config.mutable_model()->set_quick_gelu(false);
  ExpectReadsBack(WithDefaults(config));
}

TEST(StreamConfigToYamlTest, ReadsBackAFileThatLeavesValuesOut) {
  const auto file = ParseStreamConfig("probe: {fraction: 0.5}\n", "a.yaml");
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string yaml = StreamConfigToYaml(file->config);
  const auto again = ParseStreamConfig(yaml, "printed.yaml");
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << yaml;
  EXPECT_EQ(again->config.probe().fraction(), 0.5);
  EXPECT_EQ(StreamConfigToYaml(again->config), yaml);
}

TEST(StreamConfigToYamlTest, WritesSectionsOnce) {
  const std::string yaml = StreamConfigToYaml(WithDefaults({}));
  EXPECT_THAT(yaml, testing::StartsWith("model:\n"
                                        "  preset: tiny\n"
                                        "  embed_dim: 128\n"
                                        "  quick_gelu: true\n"
                                        "  vision:\n"
                                        "    image_size: 64\n"));
  EXPECT_THAT(yaml,
              HasSubstr("checkpoint:\n  resume_every: 1m\n  keep: all\n"));
  EXPECT_THAT(yaml, HasSubstr("  max_chunk_bytes: 64GiB\n"));
  EXPECT_EQ(yaml.find("train:"), yaml.rfind("train:"));
}

}  // namespace
}  // namespace keel
