#include "common/config/config_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace keel {
namespace {

using testing::HasSubstr;

class ConfigValueTest : public testing::Test {
 protected:
  absl::Status Set(const char* path, const std::string& text) {
    return SetConfigValue(*FindConfigKey(path), text, &config_);
  }
  absl::Status Check(const char* path) {
    return CheckConfigValue(*FindConfigKey(path), config_);
  }
  std::string Text(const char* path) {
    return ConfigValueText(*FindConfigKey(path), config_);
  }
  // `text` is refused with a message that has `wanted`.
  void ExpectRefused(const char* path, const std::string& text,
                     const std::string& wanted) {
    const absl::Status status = Set(path, text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(std::string(path) + " must be " + wanted + ", got '" +
                          text + "'"));
  }

  v1::StreamConfig config_;
};

TEST_F(ConfigValueTest, ReadsEveryTypeIntoItsField) {
  ASSERT_TRUE(Set("train.epochs", "12").ok());
  ASSERT_TRUE(Set("train.seed", "-9000000000").ok());
  ASSERT_TRUE(Set("train.lr", "5e-4").ok());
  ASSERT_TRUE(Set("train.decay_all", "true").ok());
  ASSERT_TRUE(Set("train.precision", "bf16").ok());
  ASSERT_TRUE(Set("method.name", "finetune").ok());
  ASSERT_TRUE(Set("phase.max_wait", "1h30m0.5s").ok());
  EXPECT_EQ(config_.train().epochs(), 12);
  EXPECT_EQ(config_.train().seed(), -9000000000);
  EXPECT_EQ(config_.train().lr(), 5e-4);
  EXPECT_TRUE(config_.train().decay_all());
  EXPECT_EQ(config_.train().precision(), v1::TrainConfig::BF16);
  EXPECT_EQ(config_.method().name(), "finetune");
  EXPECT_EQ(config_.phase().max_wait().seconds(), 5400);
  EXPECT_EQ(config_.phase().max_wait().nanos(), 500'000'000);
}

TEST_F(ConfigValueTest, ReadsLists) {
  ASSERT_TRUE(Set("model.vision.blocks", "[9]").ok());
  EXPECT_FALSE(HasConfigValue(*FindConfigKey("model.vision.blocks"),
                              v1::StreamConfig()));
  ASSERT_TRUE(Set("model.vision.blocks", "[3,4, 23,3]").ok());
  EXPECT_TRUE(HasConfigValue(*FindConfigKey("model.vision.blocks"), config_));
  EXPECT_EQ(Text("model.vision.blocks"), "[3, 4, 23, 3]");
  for (const char* text : {"[]", "3", "[3", "[3, 4.5]", "[3,,4]"}) {
    ExpectRefused("model.vision.blocks", text,
                  "a list of whole numbers such as [3, 4, 6, 3]");
  }
  config_.mutable_model()->mutable_vision()->set_blocks(1, 0);
  EXPECT_EQ(Check("model.vision.blocks").message(),
            "model.vision.blocks must be positive, got [3, 0, 23, 3]");
}

TEST_F(ConfigValueTest, ReadsSizes) {
  for (const auto& [text, bytes] : {std::pair<const char*, int64_t>{"17", 17},
                                    {"2KiB", 2048},
                                    {"3MiB", 3 << 20},
                                    {"64GiB", int64_t{64} << 30},
                                    {"1TiB", int64_t{1} << 40}}) {
    ASSERT_TRUE(Set("limits.max_chunk_bytes", text).ok());
    EXPECT_EQ(config_.limits().max_chunk_bytes(), bytes);
    EXPECT_EQ(Text("limits.max_chunk_bytes"), text);
  }
}

TEST_F(ConfigValueTest, RefusesTextOfAnotherType) {
  ExpectRefused("train.epochs", "many", "a whole number");
  ExpectRefused("train.epochs", "1.5", "a whole number");
  ExpectRefused("train.epochs", "3000000000", "a whole number");
  ExpectRefused("train.lr", "fast", "a number");
  ExpectRefused("train.lr", "nan", "a number");
  ExpectRefused("train.lr", "inf", "a number");
  ExpectRefused("train.decay_all", "yes", "true or false");
  ExpectRefused("train.precision", "fp16", "fp32 or bf16");
  ExpectRefused("method.kl_reduction", "max",
                "batch_invariant, sum, mean or kept_rows");
  ExpectRefused("checkpoint.keep", "none", "a whole number or 'all'");
}

TEST_F(ConfigValueTest, RefusesUnitsThatAreMissingOrWrong) {
  ExpectRefused("checkpoint.resume_every", "60",
                "a duration with a unit, such as 60s or 1h");
  ExpectRefused("checkpoint.resume_every", "inf",
                "a duration with a unit, such as 60s or 1h");
  ExpectRefused("limits.max_chunk_bytes", "64GB",
                "a size such as 512MiB or 64GiB");
  ExpectRefused("limits.max_chunk_bytes", "9999999TiB",
                "a size such as 512MiB or 64GiB");
}

TEST_F(ConfigValueTest, TakesAllForACountOfZero) {
  ASSERT_TRUE(Set("checkpoint.keep", "3").ok());
  EXPECT_EQ(Text("checkpoint.keep"), "3");
  ASSERT_TRUE(Set("checkpoint.keep", "all").ok());
  EXPECT_EQ(config_.checkpoint().keep(), 0);
  EXPECT_EQ(Text("checkpoint.keep"), "all");
}

TEST_F(ConfigValueTest, WritesNumbersWithoutLoss) {
  for (double value : {0.1, 1.0 / 3, 5e-4, 1e-8, 123456789.125,
                       std::numeric_limits<double>::min()}) {
    config_.mutable_train()->set_lr(value);
    const std::string text = Text("train.lr");
    config_.mutable_train()->set_lr(0);
    ASSERT_TRUE(Set("train.lr", text).ok()) << text;
    EXPECT_EQ(config_.train().lr(), value) << text;
  }
}

TEST_F(ConfigValueTest, TellsUnsetFromZeroWhereZeroHasAMeaning) {
  EXPECT_FALSE(HasConfigValue(*FindConfigKey("method.alpha"), config_));
  config_.mutable_method()->set_alpha(0);
  EXPECT_TRUE(HasConfigValue(*FindConfigKey("method.alpha"), config_));
}

TEST_F(ConfigValueTest, NamesTheRangeThatIsBroken) {
  config_.mutable_method()->set_alpha(-1);
  EXPECT_EQ(Check("method.alpha").message(),
            "method.alpha must not be negative, got -1");
  config_.mutable_train()->set_warmup(1);
  EXPECT_EQ(Check("train.warmup").message(),
            "train.warmup must be in [0, 1), got 1");
  EXPECT_EQ(Check("train.epochs").message(),
            "train.epochs must be positive, got 0");
  config_.mutable_train()->set_epochs(10001);
  EXPECT_EQ(Check("train.epochs").message(),
            "train.epochs must be at most 10000, got 10001");
  config_.mutable_method()->set_profile("magic");
  EXPECT_EQ(
      Check("method.profile").message(),
      "method.profile must be one of modx-safe, modx-official, got 'magic'");
  config_.mutable_phase()->mutable_max_wait()->set_seconds(-60);
  EXPECT_EQ(Check("phase.max_wait").message(),
            "phase.max_wait must not be negative, got -1m");
}

TEST_F(ConfigValueTest, RefusesNumbersThatAreNone) {
  config_.mutable_train()->set_lr(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(Check("train.lr").ok());
  config_.mutable_train()->set_lr(std::numeric_limits<double>::infinity());
  EXPECT_FALSE(Check("train.lr").ok());
}

TEST_F(ConfigValueTest, RefusesEnumNumbersWithoutAName) {
  config_.mutable_train()->set_precision(
      static_cast<v1::TrainConfig::Precision>(17));
  EXPECT_EQ(Check("train.precision").message(),
            "train.precision must be fp32 or bf16, got '17'");
  config_.mutable_train()->set_precision(
      v1::TrainConfig::PRECISION_UNSPECIFIED);
  EXPECT_FALSE(Check("train.precision").ok());
}

}  // namespace
}  // namespace keel
