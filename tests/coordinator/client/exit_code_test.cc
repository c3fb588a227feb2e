#include "coordinator/client/exit_code.h"

#include "gtest/gtest.h"

namespace keel {
namespace {

TEST(ExitCodeTest, IsTheDocumentedOneForEveryCode) {
  const struct {
    absl::StatusCode code;
    int exit_code;
  } cases[] = {
      {absl::StatusCode::kOk, 0},
      {absl::StatusCode::kCancelled, 1},
      {absl::StatusCode::kUnknown, 1},
      {absl::StatusCode::kInternal, 1},
      {absl::StatusCode::kDataLoss, 1},
      {absl::StatusCode::kResourceExhausted, 1},
      {absl::StatusCode::kUnimplemented, 1},
      {absl::StatusCode::kInvalidArgument, 2},
      {absl::StatusCode::kNotFound, 3},
      {absl::StatusCode::kUnavailable, 4},
      {absl::StatusCode::kDeadlineExceeded, 4},
      {absl::StatusCode::kFailedPrecondition, 5},
      {absl::StatusCode::kPermissionDenied, 5},
      {absl::StatusCode::kUnauthenticated, 5},
      {absl::StatusCode::kAborted, 5},
      {absl::StatusCode::kAlreadyExists, 5},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(ExitCodeFor(absl::Status(c.code, "x")), c.exit_code)
        << absl::StatusCodeToString(c.code);
  }
}

}  // namespace
}  // namespace keel
