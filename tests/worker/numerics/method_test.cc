#include "worker/train/method.h"

#include <gtest/gtest.h>

#include <limits>

namespace keel {
namespace {

MethodConfig Config(const std::string& name) {
  MethodConfig config;
  config.name = name;
  config.alpha = 7;
  config.kl_reduction = KlReduction::kMean;
  config.kl_temperature = 0.5;
  config.kl_diagonal = false;
  config.screening = Screening::kNone;
  config.ties = TieRule::kStrict;
  return config;
}

TEST(MethodTest, FinetuneAsksForNoTeacher) {
  auto method = MakeMethod(Config("finetune"), true);
  ASSERT_TRUE(method.ok()) << method.status();
  EXPECT_FALSE((*method)->needs_teacher());
  EXPECT_EQ((*method)->loss_options().alpha, 0);
}

TEST(MethodTest, JointTrainsAsFinetune) {
  const auto joint = MakeMethod(Config("joint"), true);
  ASSERT_TRUE(joint.ok()) << joint.status();
  EXPECT_FALSE((*joint)->needs_teacher());
  EXPECT_EQ((*joint)->loss_options().alpha, 0);
}

TEST(MethodTest, LwfDistillsLogitsAndAlignsNoCosines) {
  const auto lwf = MakeMethod(Config("lwf"), true);
  ASSERT_TRUE(lwf.ok()) << lwf.status();
  EXPECT_TRUE((*lwf)->needs_teacher());
  EXPECT_EQ((*lwf)->loss_options().logit_alpha, 7);
  EXPECT_EQ((*lwf)->loss_options().alpha, 0);
  const auto first = MakeMethod(Config("lwf"), false);
  EXPECT_FALSE((*first)->needs_teacher());
  EXPECT_EQ((*first)->loss_options().logit_alpha, 0);
}

TEST(MethodTest, EwcNeedsNoTeacherAndHasALambda) {
  MethodConfig config = Config("ewc");
  config.ewc_lambda = 30;
  const auto ewc = MakeMethod(config, false);
  ASSERT_TRUE(ewc.ok()) << ewc.status();
  EXPECT_FALSE((*ewc)->needs_teacher());
  EXPECT_EQ((*ewc)->ewc_lambda(), 30);
  EXPECT_EQ((*ewc)->loss_options().alpha, 0);
  EXPECT_EQ((*MakeMethod(Config("modx"), true))->ewc_lambda(), 0);
  config.ewc_lambda = 0;
  EXPECT_FALSE(MakeMethod(config, true).ok());
}

TEST(MethodTest, ModxTakesItsOptionsFromTheConfiguration) {
  auto method = MakeMethod(Config("modx"), true);
  ASSERT_TRUE(method.ok()) << method.status();
  EXPECT_TRUE((*method)->needs_teacher());
  const LossOptions options = (*method)->loss_options();
  EXPECT_EQ(options.alpha, 7);
  EXPECT_EQ(options.kl_reduction, KlReduction::kMean);
  EXPECT_EQ(options.kl_temperature, 0.5);
  EXPECT_FALSE(options.kl_diagonal);
  EXPECT_EQ(options.screening, Screening::kNone);
  EXPECT_EQ(options.ties, TieRule::kStrict);
}

TEST(MethodTest, ModxTrainsAsFinetuneWithoutAParent) {
  auto method = MakeMethod(Config("modx"), false);
  ASSERT_TRUE(method.ok()) << method.status();
  EXPECT_FALSE((*method)->needs_teacher());
  EXPECT_EQ((*method)->loss_options().alpha, 0);
}

TEST(MethodTest, RefusesWhatItDoesNotKnow) {
  const auto unknown = MakeMethod(Config("modz"), true);
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(unknown.status().message().find("modz"), absl::string_view::npos);
}

TEST(MethodTest, RefusesNumbersOutOfRange) {
  MethodConfig config = Config("modx");
  config.alpha = -1;
  EXPECT_EQ(MakeMethod(config, true).status().code(),
            absl::StatusCode::kInvalidArgument);
  config.alpha = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(MakeMethod(config, true).ok());
  config.alpha = 1;
  config.kl_temperature = 0;
  EXPECT_EQ(MakeMethod(config, true).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keel
