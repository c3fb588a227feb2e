#include "worker/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace keel {
namespace {

ManifestInfo Info() {
  ManifestInfo info;
  info.stream = "cliparts";
  info.phase = 3;
  info.attempt = 1;
  info.parent = 2;
  info.chunk_digests = {"aa", "bb"};
  info.plan_digest = "cc";
  info.step = 420;
  info.threads = 2;
  info.config.method.replay_samples = 256;
  info.config.method.replay_per_batch = 64;
  info.config.method.ewc_lambda = 30;
  return info;
}

TEST(ManifestTest, TellsWhatTheCheckpointIs) {
  const auto json = nlohmann::json::parse(
      ManifestJson(Info(), {{"open_clip_model.safetensors", 12, "dd"}}));
  EXPECT_EQ(json.at("stream"), "cliparts");
  EXPECT_EQ(json.at("phase"), 3);
  EXPECT_EQ(json.at("attempt"), 1);
  EXPECT_EQ(json.at("parent"), 2);
  EXPECT_EQ(json.at("chunks").size(), 2u);
  EXPECT_EQ(json.at("plan_sha256"), "cc");
  EXPECT_EQ(json.at("step"), 420);
  EXPECT_EQ(json.at("keel_version"), KEEL_VERSION);
  EXPECT_EQ(json.at("config").at("method").at("name"), "modx");
  EXPECT_EQ(json.at("config").at("method").at("replay").at("samples"), 256);
  EXPECT_EQ(json.at("config").at("method").at("replay").at("per_batch"), 64);
  EXPECT_EQ(json.at("config").at("method").at("ewc_lambda"), 30);
  EXPECT_EQ(json.at("config").at("model").at("embed_dim"), 128);
  EXPECT_EQ(json.at("config").at("train").at("global_batch"), 280);
  EXPECT_EQ(json.at("machine").at("threads"), 2);
}

TEST(ManifestTest, HasNoParentForRandomWeights) {
  ManifestInfo info = Info();
  info.parent = -1;
  const auto json = nlohmann::json::parse(ManifestJson(info, {}));
  EXPECT_TRUE(json.at("parent").is_null());
}

TEST(ManifestTest, TellsTheMeanFisherWhereThereIsOne) {
  ManifestInfo info = Info();
  EXPECT_FALSE(
      nlohmann::json::parse(ManifestJson(info, {})).contains("mean_fisher"));
  info.mean_fisher = 0.25;
  EXPECT_EQ(nlohmann::json::parse(ManifestJson(info, {})).at("mean_fisher"),
            0.25);
}

TEST(ManifestTest, DigestsTheConfiguration) {
  const auto digest = [](const ManifestInfo& info) {
    return nlohmann::json::parse(ManifestJson(info, {})).at("config_sha256");
  };
  ManifestInfo other = Info();
  other.step = 1;
  EXPECT_EQ(digest(Info()), digest(other));
  other.config.method.kl_reduction = KlReduction::kSum;
  EXPECT_NE(digest(Info()), digest(other));
}

TEST(ManifestTest, NamesTheOptionsOfTheMethod) {
  ManifestInfo info = Info();
  info.config.method.kl_diagonal = false;
  info.config.method.screening = Screening::kNone;
  info.config.method.ties = TieRule::kFirstIndex;
  info.config.train.micro_batch = 64;
  const auto config =
      nlohmann::json::parse(ManifestJson(info, {})).at("config");
  EXPECT_EQ(config.at("method").at("kl_diagonal"), false);
  EXPECT_EQ(config.at("method").at("screening"), "none");
  EXPECT_EQ(config.at("method").at("ties"), "first_index");
  EXPECT_EQ(config.at("train").at("micro_batch"), 64);
}

TEST(ManifestTest, ListsWhereTheConfigurationDiffersFromItsProfile) {
  ManifestInfo info = Info();
  const auto deviations = [&info] {
    return nlohmann::json::parse(ManifestJson(info, {})).at("deviations");
  };
  EXPECT_EQ(deviations(), nlohmann::json::array());
  info.deviations = {{"train.lr", "1e-03", "5e-04"},
                     {"method.name", "lwf", "modx"}};
  EXPECT_EQ(deviations(), nlohmann::json::parse(R"([
      {"key": "train.lr", "value": "1e-03", "profile_default": "5e-04"},
      {"key": "method.name", "value": "lwf", "profile_default": "modx"}])"));
}

TEST(ManifestTest, ListsItsFiles) {
  const std::vector<ManifestFile> files = {{"a", 1, "x"}, {"b", 2, "y"}};
  auto read = ManifestFiles(ManifestJson(Info(), files));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, files);
}

TEST(ManifestTest, RefusesOtherFiles) {
  for (const char* json :
       {"", "[]", "{}", R"({"files":3})", R"({"files":[1]})",
        R"({"files":[{"name":"a","size_bytes":"1","sha256":""}]})"}) {
    EXPECT_EQ(ManifestFiles(json).status().code(),
              absl::StatusCode::kInvalidArgument)
        << json;
  }
}

}  // namespace
}  // namespace keel
