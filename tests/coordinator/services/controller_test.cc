#include "coordinator/services/controller.h"

#include "common/sha256.h"
#include "tests/coordinator/services/parts_fixture.h"

namespace keel::testing {
namespace {

class ControllerTest : public PartsFixture {
 protected:
  ControllerTest() { EXPECT_TRUE(parts_->controller.Tick()); }
  std::unique_ptr<BlobWriter> Begin(const std::string& digest) {
    auto writer = blobs_.OpenWriter(digest, false).value();
    EXPECT_TRUE(writer->Append("a part").ok());
    return writer;
  }
};

// The store's fake takes every unfinished upload for an old one.
TEST_F(ControllerTest, RemovesOldUnfinishedUploadsEachHour) {
  const std::string left = Sha256Hex("left"), open = Sha256Hex("open");
  Begin(left);
  const auto writer = Begin(open);
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_GT(blobs_.PartialSize(left), 0);
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(parts_->controller.Tick());
  EXPECT_EQ(blobs_.PartialSize(left), 0);
  EXPECT_GT(blobs_.PartialSize(open), 0);
}

}  // namespace
}  // namespace keel::testing
