#include "coordinator/client/error_text.h"

#include "common/reason.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(ErrorTextTest, LineEndsWithTheReasonIfThereIsOne) {
  const absl::Status plain = absl::NotFoundError("no such thing");
  EXPECT_EQ(ErrorLine(plain), "keel: no such thing");
  EXPECT_EQ(ErrorLine(WithReason(plain, {"THING", {}})),
            "keel: no such thing [THING]");
}

TEST(ErrorTextTest, PrefixKeepsCodeAndReason) {
  const absl::Status status =
      WithPrefix("a.tar", WithReason(absl::DataLossError("damaged"),
                                     {"FRAME_CHECKSUM", {{"offset", "7"}}}));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "a.tar: damaged");
  EXPECT_EQ(ReasonOf(status).reason, "FRAME_CHECKSUM");
  EXPECT_EQ(ReasonOf(status).metadata.at("offset"), "7");
}

}  // namespace
}  // namespace keel
