#include "worker/checkpoint/safetensors_header.h"

#include <gtest/gtest.h>

#include <string>

namespace keel {
namespace {

struct BadHeader {
  const char* name;
  const char* json;
  const char* message;
};

class BadHeaderTest : public ::testing::TestWithParam<BadHeader> {};

// Eight bytes of tensors follow each of these headers.
TEST_P(BadHeaderTest, IsRefusedWithTheTensorsName) {
  const auto header = ParseSafetensorsHeader(GetParam().json, 8);
  EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(header.status().message()).find(GetParam().message),
            std::string::npos)
      << header.status();
}

INSTANTIATE_TEST_SUITE_P(
    Headers, BadHeaderTest,
    ::testing::Values(
        BadHeader{"NotJson", "{", "not a JSON object"},
        BadHeader{"Array", "[]", "not a JSON object"},
        BadHeader{"NoTensors", "{}",
                  "describes 0 bytes of tensors, the file has 8"},
        BadHeader{"TensorIsNumber", R"({"a":3})", "\"a\": not an object"},
        BadHeader{"NoType", R"({"a":{"shape":[2],"data_offsets":[0,8]}})",
                  "\"a\": no dtype"},
        BadHeader{
            "OddType",
            R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})",
            "\"a\": unsupported dtype F8_E4M3"},
        BadHeader{"NegativeAxis",
                  R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
                  "\"a\": an axis is not a size"},
        BadHeader{"FractionalAxis",
                  R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})",
                  "\"a\": an axis is not a size"},
        BadHeader{"HugeShape",
                  R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],)"
                  R"("data_offsets":[0,8]}})",
                  "\"a\": its shape overflows"},
        BadHeader{"HugeEmptyShape",
                  R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],)"
                  R"("data_offsets":[0,0]}})",
                  "\"a\": its shape overflows"},
        BadHeader{"WrongLength",
                  R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
                  "\"a\": its shape needs 12 bytes"},
        BadHeader{"Backwards",
                  R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
                  "\"a\": its shape needs 8 bytes"},
        BadHeader{"ThreeOffsets",
                  R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}})",
                  "\"a\": no data_offsets"},
        BadHeader{
            "UnknownField",
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})",
            "\"a\": unknown fields"},
        BadHeader{"Hole",
                  R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                  "\"a\": it begins at byte 4, the one before ends at 0"},
        BadHeader{"Overlap",
                  R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                  "\"b\": it begins at byte 4, the one before ends at 8"},
        BadHeader{"Short",
                  R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  "describes 4 bytes of tensors, the file has 8"},
        BadHeader{"Twice",
                  R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                  "\"a\": stands in the header twice"},
        BadHeader{"MetadataNumber",
                  R"({"__metadata__":{"n":8},)"
                  R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                  "n is not a string"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SafetensorsHeaderTest, OrdersTensorsByTheirBytes) {
  const auto header = ParseSafetensorsHeader(
      R"({"a":{"dtype":"F16","shape":[2,1],"data_offsets":[4,8]},)"
      R"("b":{"dtype":"I32","shape":[],"data_offsets":[0,4]},)"
      R"("empty":{"dtype":"U8","shape":[0,9],"data_offsets":[4,4]},)"
      R"("__metadata__":{"format":"pt"}}   )",
      8);
  ASSERT_TRUE(header.ok()) << header.status();
  ASSERT_EQ(header->entries.size(), 3u);
  EXPECT_EQ(header->entries[0].name, "b");
  EXPECT_EQ(header->entries[1].name, "empty");
  EXPECT_EQ(header->entries[2].name, "a");
  EXPECT_EQ(header->entries[2].type, at::kHalf);
  EXPECT_EQ(header->entries[2].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(header->metadata.at("format"), "pt");
}

TEST(SafetensorsHeaderTest, PadsToEightBytes) {
  for (const char* name : {"a", "ab", "abc", "abcdefgh"}) {
    auto text = FormatSafetensorsHeader({{{name, at::kFloat, {2}, 0, 8}}, {}});
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(text->size() % 8, 0u);
    auto parsed = ParseSafetensorsHeader(text->substr(8), 8);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->entries[0].name, name);
  }
}

}  // namespace
}  // namespace keel
