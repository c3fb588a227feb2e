#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/stream_config.h"
#include "common/file_system.h"

namespace keel {
namespace {

TEST(WithDefaultsTest, FillsTheDocumentedValues) {
  const v1::StreamConfig config = WithDefaults({});
  EXPECT_EQ(config.model().preset(), "tiny");
  EXPECT_EQ(config.model().vision().image_size(), 64);
  EXPECT_EQ(config.method().name(), "modx");
  EXPECT_EQ(config.method().profile(), "modx-safe");
  EXPECT_EQ(config.method().alpha(), 20);
  EXPECT_EQ(config.method().kl_temperature(), 1);
  EXPECT_EQ(config.method().interpolate(), 1);
  EXPECT_EQ(config.group().min_workers(), 1);
  EXPECT_EQ(config.group().max_workers(), 64);
  EXPECT_EQ(config.phase().policy(), v1::PhaseConfig::EACH_CHUNK);
  EXPECT_EQ(config.phase().min_samples(), 100000);
  EXPECT_EQ(config.phase().max_wait().seconds(), 3600);
  EXPECT_EQ(config.train().epochs(), 35);
  EXPECT_EQ(config.train().global_batch(), 280);
  EXPECT_EQ(config.train().lr(), 5e-4);
  EXPECT_EQ(config.train().weight_decay(), 0.1);
  EXPECT_EQ(config.train().warmup(), 0.2);
  EXPECT_EQ(config.train().precision(), v1::TrainConfig::FP32);
  EXPECT_EQ(config.train().beta1(), 0.9);
  EXPECT_EQ(config.train().beta2(), 0.999);
  EXPECT_EQ(config.train().epsilon(), 1e-8);
  EXPECT_EQ(config.probe().fraction(), 0.05);
  EXPECT_EQ(config.probe().max_per_phase(), 5000);
  EXPECT_EQ(config.probe().evaluate(), v1::ProbeConfig::ALL);
  EXPECT_EQ(config.checkpoint().resume_every().seconds(), 60);
  EXPECT_EQ(config.checkpoint().keep(), 0);
  EXPECT_EQ(config.limits().max_image_pixels(), 100'000'000);
  EXPECT_EQ(config.limits().max_chunk_bytes(), int64_t{64} << 30);
  EXPECT_EQ(config.limits().max_struck_fraction(), 0.01);
}

TEST(WithDefaultsTest, FollowsTheProfile) {
  const v1::StreamConfig safe = WithDefaults({});
  EXPECT_EQ(safe.method().kl_reduction(), v1::MethodConfig::BATCH_INVARIANT);
  EXPECT_FALSE(safe.train().decay_all());
  EXPECT_FALSE(safe.train().drop_last());
  v1::StreamConfig config;
  config.mutable_method()->set_profile("modx-official");
  const v1::StreamConfig official = WithDefaults(config);
  EXPECT_EQ(official.method().kl_reduction(), v1::MethodConfig::SUM);
  EXPECT_TRUE(official.train().decay_all());
  EXPECT_TRUE(official.train().drop_last());
  EXPECT_EQ(safe.method().ties(), v1::MethodConfig::KEEP_TIES);
  EXPECT_EQ(official.method().ties(), v1::MethodConfig::FIRST_INDEX);
  EXPECT_EQ(official.train().lr(), 5e-4);
}

TEST(WithDefaultsTest, FollowsTheMethod) {
  v1::StreamConfig config;
  config.mutable_method()->set_name("lwf");
  EXPECT_EQ(WithDefaults(config).method().alpha(), 1);
  config.mutable_method()->set_profile("modx-official");
  EXPECT_EQ(WithDefaults(config).method().alpha(), 1);
  config.mutable_method()->set_alpha(3);
  EXPECT_EQ(WithDefaults(config).method().alpha(), 3);
}

TEST(WithDefaultsTest, KeepsWhatIsSetAlsoZero) {
  v1::StreamConfig config;
  config.mutable_method()->set_profile("modx-official");
  config.mutable_method()->set_alpha(0);
  config.mutable_train()->set_warmup(0);
  config.mutable_train()->set_weight_decay(0);
  config.mutable_train()->set_drop_last(false);
  config.mutable_probe()->set_fraction(0);
  config.mutable_phase()->mutable_max_wait();
  config.mutable_limits()->set_max_struck_fraction(0);
  const v1::StreamConfig filled = WithDefaults(config);
  EXPECT_EQ(filled.method().alpha(), 0);
  EXPECT_EQ(filled.train().warmup(), 0);
  EXPECT_EQ(filled.train().weight_decay(), 0);
  EXPECT_FALSE(filled.train().drop_last());
  EXPECT_EQ(filled.probe().fraction(), 0);
  EXPECT_EQ(filled.phase().max_wait().seconds(), 0);
  EXPECT_EQ(filled.limits().max_struck_fraction(), 0);
}

TEST(WithDefaultsTest, TakesAnArchitectureWithoutAPreset) {
  v1::StreamConfig config;
  config.mutable_model()->set_embed_dim(64);
  const v1::StreamConfig filled = WithDefaults(config);
  EXPECT_EQ(filled.model().preset(), "");
  EXPECT_EQ(filled.model().embed_dim(), 64);
  EXPECT_EQ(filled.model().vision().mlp_ratio(), 4);
  EXPECT_EQ(filled.model().text().vocab_size(), 49408);
  EXPECT_TRUE(filled.model().has_quick_gelu());
}

// "key: value, not default" of each deviation.
std::vector<std::string> Deviations(const v1::StreamConfig& config) {
  std::vector<std::string> lines;
  for (const v1::ConfigDeviation& deviation : ProfileDeviations(config)) {
    lines.push_back(absl::StrCat(deviation.key(), ": ", deviation.value(),
                                 ", not ", deviation.profile_default()));
  }
  return lines;
}

TEST(ProfileDeviationsTest, AreNoneOfAConfigurationOfDefaults) {
  for (const char* profile : {"modx-safe", "modx-official"}) {
    for (const char* method : {"modx", "lwf"}) {
      v1::StreamConfig config;
      config.mutable_method()->set_profile(profile);
      config.mutable_method()->set_name(method);
      const auto expected =
          std::string(method) == "modx"
              ? std::vector<std::string>{}
              : std::vector<std::string>{"method.name: lwf, not modx"};
      EXPECT_EQ(Deviations(config), expected);
      EXPECT_EQ(Deviations(WithDefaults(config)), expected);
    }
  }
}

TEST(ProfileDeviationsTest, AreWhatTheProfileWouldNotGive) {
  v1::StreamConfig config;
  config.mutable_method()->set_alpha(4);
  config.mutable_method()->mutable_replay()->set_samples(256);
  config.mutable_method()->set_kl_reduction(v1::MethodConfig::SUM);
  config.mutable_train()->set_lr(1e-4);
  config.mutable_train()->set_seed(3);
  config.mutable_train()->set_decay_all(true);
  config.mutable_train()->set_epochs(35);
  config.mutable_probe()->set_fraction(0.5);
  EXPECT_THAT(
      Deviations(config),
      testing::ElementsAre("method.alpha: 4, not 20",
                           "method.kl_reduction: sum, not "
                           "batch_invariant",
                           "method.replay.samples: 256, not 0",
                           "train.lr: 1e-04, not 5e-04", "train.seed: 3, not 0",
                           "train.decay_all: true, not false"));
  config.mutable_method()->set_profile("modx-official");
  config.mutable_train()->set_drop_last(false);
  EXPECT_THAT(
      Deviations(config),
      testing::ElementsAre("method.alpha: 4, not 20",
                           "method.replay.samples: 256, not 0",
                           "train.lr: 1e-04, not 5e-04", "train.seed: 3, not 0",
                           "train.drop_last: false, not true"));
}

// ctest runs in the root of the sources.
TEST(ProfileReferenceTest, IsTheTableOfTheTrainingDocument) {
  const auto text = ReadFile("docs/training.md");
  ASSERT_TRUE(text.ok()) << text.status();
  const std::string reference = ProfileReference();
  EXPECT_THAT(*text, testing::HasSubstr(reference));
  EXPECT_THAT(reference, testing::HasSubstr(
                             "| `method.ties` | first_index | keep_ties |"));
}

TEST(WithDefaultsTest, ChangesNothingTheSecondTime) {
  const v1::StreamConfig once = WithDefaults({});
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
      WithDefaults(once), once));
}

TEST(WithDefaultsTest, MakesAValidConfiguration) {
  EXPECT_EQ(ValidateStreamConfig(WithDefaults({})), absl::OkStatus());
}

}  // namespace
}  // namespace keel
