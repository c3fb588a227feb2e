#include "coordinator/services/disk_guard.h"

#include "common/reason.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_blob_store.h"

namespace keel {
namespace {

class DiskGuardTest : public ::testing::Test {
 protected:
  testing::MemoryBlobStore blobs_;
  DiskGuard guard_{&blobs_, 100};
};

TEST_F(DiskGuardTest, LeavesTheLastBytesFree) {
  blobs_.SetFreeBytes(150);
  EXPECT_TRUE(guard_.Reserve(50).ok());
  const absl::Status status = guard_.Reserve(51).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(ReasonOf(status).reason, "DISK_LOW");
}

TEST_F(DiskGuardTest, CountsWhatOtherUploadsAreStillToBring) {
  blobs_.SetFreeBytes(180);
  auto first = guard_.Reserve(50);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(guard_.Reserve(31).ok());
  // Half of it is written: the disk has as much less.
  (*first)->Use(25);
  blobs_.SetFreeBytes(155);
  EXPECT_TRUE(guard_.Reserve(30).ok());
  EXPECT_FALSE(guard_.Reserve(31).ok());
}

TEST_F(DiskGuardTest, TakesBackWhatAnUploadDidNotBring) {
  blobs_.SetFreeBytes(150);
  {
    auto room = guard_.Reserve(50);
    ASSERT_TRUE(room.ok());
    (*room)->Use(10);
    EXPECT_FALSE(guard_.Reserve(50).ok());
  }
  EXPECT_TRUE(guard_.Reserve(50).ok());
}

}  // namespace
}  // namespace keel
