#include "common/reason.h"

#include <gtest/gtest.h>

#include <string>

namespace keel {
namespace {

TEST(ReasonTest, ComesBackWithItsMetadata) {
  const Reason reason{"REQUEST_ID_REUSED",
                      {{"stream", "a\nb\\"},
                       {"empty", ""},
                       {"bytes", std::string("\0\xff", 2)}}};
  const absl::Status status =
      WithReason(absl::AlreadyExistsError("used"), reason);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(status.message(), "used");
  EXPECT_EQ(ReasonOf(status).reason, reason.reason);
  EXPECT_EQ(ReasonOf(status).metadata, reason.metadata);
}

TEST(ReasonTest, IsEmptyWithoutOne) {
  EXPECT_EQ(ReasonOf(absl::OkStatus()).reason, "");
  EXPECT_EQ(ReasonOf(absl::NotFoundError("x")).reason, "");
}

TEST(ReasonTest, IsReplacedByALaterOne) {
  absl::Status status =
      WithReason(absl::AbortedError("x"), {"A", {{"k", "1"}}});
  status = WithReason(status, {"B", {}});
  EXPECT_EQ(ReasonOf(status).reason, "B");
  EXPECT_TRUE(ReasonOf(status).metadata.empty());
}

}  // namespace
}  // namespace keel
