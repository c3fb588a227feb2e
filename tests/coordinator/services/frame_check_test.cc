#include "coordinator/services/frame_check.h"

#include <string>
#include <vector>

#include "common/reason.h"
#include "common/sha256.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_blob_store.h"

namespace keel {
namespace {

v1::DataFrame Frame(int64_t offset, const std::string& data) {
  v1::DataFrame frame;
  frame.set_offset(offset);
  frame.set_data(data);
  frame.set_crc32(Crc32(data));
  return frame;
}

TEST(FrameCheckTest, TakesAFrameThatFits) {
  EXPECT_TRUE(CheckFrame(Frame(5, "abc"), 5, 8).ok());
}

TEST(FrameCheckTest, RefusesWrongPlacesSizesAndSums) {
  EXPECT_TRUE(absl::IsInvalidArgument(CheckFrame(Frame(4, "abc"), 5, 8)));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckFrame(Frame(5, "abcd"), 5, 8)));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckFrame(Frame(5, ""), 5, 8)));
  EXPECT_EQ(ReasonOf(CheckFrame(Frame(4, "abc"), 5, 8)).reason, "FRAME_OFFSET");
  EXPECT_EQ(ReasonOf(CheckFrame(Frame(5, "abcd"), 5, 8)).reason, "FRAME_SIZE");
  EXPECT_EQ(ReasonOf(CheckFrame(Frame(5, ""), 5, 8)).reason, "FRAME_SIZE");
  v1::DataFrame damaged = Frame(5, "abc");
  damaged.set_data("abd");
  EXPECT_TRUE(absl::IsDataLoss(CheckFrame(damaged, 5, 8)));
}

TEST(SendBlobTest, SendsARangeInFramesWithChecksums) {
  testing::MemoryBlobStore blobs;
  const std::string bytes(kFrameBytes + 100, 'x');
  const std::string digest = *blobs.Put(bytes);
  std::vector<int64_t> sizes;
  ASSERT_TRUE(SendBlob(blobs, digest, 50, 0, [&](v1::DataFrame frame) {
                EXPECT_EQ(frame.crc32(), Crc32(frame.data()));
                sizes.push_back(static_cast<int64_t>(frame.data().size()));
                return true;
              }).ok());
  EXPECT_EQ(sizes, (std::vector<int64_t>{kFrameBytes, 50}));
}

TEST(SendBlobTest, RefusesRangesOutsideAndStopsWhenThePeerIsGone) {
  testing::MemoryBlobStore blobs;
  const std::string digest = *blobs.Put("hello");
  const auto take = [](v1::DataFrame) { return true; };
  EXPECT_TRUE(absl::IsOutOfRange(SendBlob(blobs, digest, 6, 0, take)));
  EXPECT_TRUE(absl::IsOutOfRange(SendBlob(blobs, digest, 2, 4, take)));
  EXPECT_TRUE(absl::IsOutOfRange(SendBlob(blobs, digest, -1, 2, take)));
  EXPECT_TRUE(
      absl::IsNotFound(SendBlob(blobs, std::string(64, '0'), 0, 0, take)));
  EXPECT_TRUE(absl::IsCancelled(
      SendBlob(blobs, digest, 0, 0, [](v1::DataFrame) { return false; })));
}

}  // namespace
}  // namespace keel
