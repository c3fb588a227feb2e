#include "worker/checkpoint/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/file_system.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

class SafetensorsTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.Path(name); }

 private:
  const TestFolder folder_;
};

std::vector<NamedTensor> EveryType() {
  const at::Tensor x = at::arange(6, at::kDouble).view({2, 3}) - 2.5;
  return {{"f64", x / 3},
          {"f32", (x / 3).to(at::kFloat)},
          {"f16", x.to(at::kHalf)},
          {"bf16", x.to(at::kBFloat16)},
          {"i64", at::tensor({int64_t{-1} << 60, int64_t{7}}, at::kLong)},
          {"i32", at::tensor({-5, 6, 7}, at::kInt)},
          {"u8", at::tensor({0, 255, 3}, at::kByte)},
          {"scalar", at::full({}, 4.6, at::kFloat)},
          {"empty", at::zeros({0, 5})},
          {"transposed", x.t().to(at::kFloat)}};
}

TEST_F(SafetensorsTest, ReadsBackTheVeryBits) {
  const std::string path = Path("round_trip.safetensors");
  const std::vector<NamedTensor> tensors = EveryType();
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"keys", "[\"a\"]"}}).ok());
  auto file = ReadSafetensors(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors.size(), tensors.size());
  EXPECT_EQ(file->metadata.at("keys"), "[\"a\"]");
  for (const NamedTensor& t : tensors) {
    auto read = file->Find(t.name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->scalar_type(), t.tensor.scalar_type()) << t.name;
    EXPECT_TRUE(at::equal(*read, t.tensor)) << t.name;
  }
  EXPECT_EQ(file->Find("other").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SafetensorsTest, WritesTheSameBytesWhateverTheOrder) {
  std::vector<NamedTensor> tensors = EveryType();
  ASSERT_TRUE(WriteSafetensors(Path("a"), tensors).ok());
  std::reverse(tensors.begin(), tensors.end());
  ASSERT_TRUE(WriteSafetensors(Path("b"), tensors).ok());
  EXPECT_EQ(*ReadFile(Path("a")), *ReadFile(Path("b")));
  EXPECT_FALSE(FileExists(Path("a") + ".tmp"));
}

TEST_F(SafetensorsTest, RefusesATypeThatItDoesNotHave) {
  const absl::Status status =
      WriteSafetensors(Path("bool"), {{"flags", at::zeros({2}, at::kBool)}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("flags"), std::string::npos);
  EXPECT_FALSE(FileExists(Path("bool")));
}

// The status of reading a file of these bytes; its message names the file.
absl::Status ReadBytes(const std::string& bytes) {
  const TestFolder folder;
  const std::string path = folder.Write("corrupt", bytes);
  const absl::Status status = ReadSafetensors(path).status();
  EXPECT_NE(std::string(status.message()).find(path), std::string::npos)
      << status;
  return status;
}

// A file of that header and so many bytes of tensors.
std::string Bytes(const std::string& json, size_t data_bytes) {
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(json.size());
  return bytes + json + std::string(data_bytes, 'x');
}

TEST_F(SafetensorsTest, RefusesDamagedFilesByName) {
  ASSERT_TRUE(WriteSafetensors(Path("whole"), {{"x", at::ones({4})}}).ok());
  const std::string whole = *ReadFile(Path("whole"));
  const auto expect = [](const std::string& bytes, const char* message) {
    const absl::Status status = ReadBytes(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find(message), std::string::npos)
        << status;
  };
  // Truncated.
  expect("", "too short for a safetensors header");
  expect(whole.substr(0, 5), "too short for a safetensors header");
  expect(whole.substr(0, 20), "too short for a safetensors header");
  expect(whole.substr(0, whole.size() - 1),
         "describes 16 bytes of tensors, the file has 15");
  expect(whole + "?", "describes 16 bytes of tensors, the file has 17");
  // Of a header that no file has, and of one byte more than is allowed.
  std::string longer = whole;
  longer[6] = 1;
  expect(longer, "its header claims 281474976710");
  expect(std::string("\x01\xe1\xf5\x05\0\0\0\0", 8) + whole,
         "its header claims 100000001 bytes");
  // Corrupted.
  std::string renamed = whole;
  renamed[renamed.find("F32")] = 'Q';
  expect(renamed, "\"x\": unsupported dtype Q32");
  std::string broken = whole;
  broken[8] = 'Q';
  expect(broken, "not a JSON object");
  // Overlapping, and with a hole.
  expect(Bytes(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
               R"("y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
               12),
         "\"y\": it begins at byte 4, the one before ends at 8");
  expect(Bytes(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
               R"("y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
               12),
         "\"y\": it begins at byte 8, the one before ends at 4");
}

TEST_F(SafetensorsTest, SaysThatAFileIsMissing) {
  EXPECT_EQ(ReadSafetensors(Path("nowhere")).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(SafetensorsTest, ReadsFilesOfTheReferenceImplementation) {
  auto file = ReadSafetensors("tests/golden/modx_loss_0.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata.at("n"), "8");
  EXPECT_EQ(file->Find("grad_image")->sizes(), at::IntArrayRef({8, 16}));
}

}  // namespace
}  // namespace keel
