#include "common/config/config_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/config/config_value.h"
#include "common/file_system.h"
#include "keel/v1/stream.pb.h"

namespace keel {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using testing::HasSubstr;

// Paths of all values under `type`; durations are values.
void AddPaths(const Descriptor& type, const std::string& prefix,
              std::set<std::string>* paths) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool section =
        field.message_type() != nullptr &&
        field.message_type()->full_name() != "google.protobuf.Duration";
    if (section) {
      AddPaths(*field.message_type(), prefix + field.name() + ".", paths);
    } else {
      paths->insert(prefix + field.name());
    }
  }
}

TEST(ConfigKeyTest, HasExactlyTheFieldsOfTheMessage) {
  std::set<std::string> fields, keys;
  AddPaths(*v1::StreamConfig::descriptor(), "", &fields);
  for (const ConfigKey& key : ConfigKeys()) {
    if (HasConfigField(key)) keys.insert(key.path);
  }
  EXPECT_EQ(keys, fields);
}

TEST(ConfigKeyTest, HasDefaultsOfTheKeysTypesAndRanges) {
  for (const ConfigKey& key : ConfigKeys()) {
    for (const std::string& text :
         {key.fallback, key.official_fallback, key.lwf_fallback}) {
      if (text.empty() || !HasConfigField(key)) continue;
      v1::StreamConfig config;
      EXPECT_TRUE(SetConfigValue(key, text, &config).ok()) << key.path;
      EXPECT_TRUE(CheckConfigValue(key, config).ok()) << key.path;
    }
  }
}

TEST(ConfigKeyTest, GivesEveryKeyOutsideTheModelADefault) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.path.starts_with("model.") || key.unit == ConfigUnit::kFile) {
      continue;
    }
    EXPECT_FALSE(key.fallback.empty()) << key.path;
  }
}

TEST(ConfigKeyTest, FindsKeysAndSections) {
  EXPECT_EQ(FindConfigKey("train.lr")->path, "train.lr");
  EXPECT_EQ(FindConfigKey("train"), nullptr);
  EXPECT_EQ(FindConfigKey("train.lrx"), nullptr);
  EXPECT_TRUE(IsConfigSection("train"));
  EXPECT_TRUE(IsConfigSection("model.vision"));
  EXPECT_FALSE(IsConfigSection("train.lr"));
  EXPECT_FALSE(IsConfigSection("trai"));
}

TEST(ConfigKeyTest, SuggestsWhatMayHaveBeenMeant) {
  EXPECT_EQ(SuggestConfigKey("train.epoch"), "epochs");
  EXPECT_EQ(SuggestConfigKey("trian"), "train");
  EXPECT_EQ(SuggestConfigKey("model.vison"), "vision");
  EXPECT_EQ(SuggestConfigKey("method.global_batch"), "train.global_batch");
  EXPECT_EQ(SuggestConfigKey("train.zzzzzz"), "");
}

TEST(ConfigKeyTest, ListsEveryKeyForTheDocumentation) {
  const std::string reference = ConfigKeyReference();
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_THAT(reference, HasSubstr("| `" + key.path + "` |"));
    EXPECT_FALSE(key.doc.empty()) << key.path;
  }
  EXPECT_THAT(reference, HasSubstr("`false`; `true` in modx-official"));
  EXPECT_THAT(reference, HasSubstr("| `train.warmup` | `0.2` | [0, 1) |"));
  EXPECT_THAT(reference, HasSubstr("| `train.lr` | `5e-4` | > 0 |"));
  EXPECT_THAT(reference, HasSubstr("| `train.epochs` | `35` | (0, 10000] |"));
  EXPECT_THAT(reference, HasSubstr("| `fp32` | fp32 or bf16 |"));
  EXPECT_THAT(reference,
              HasSubstr("| `modx-safe` | modx-safe, modx-official |"));
}

// ctest runs in the root of the sources.
TEST(ConfigKeyTest, IsTheTableOfTheTrainingDocument) {
  const auto text = ReadFile("docs/training.md");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_NE(text->find(ConfigKeyReference()), std::string::npos);
}

}  // namespace
}  // namespace keel
