#include "common/status_macros.h"

#include <gtest/gtest.h>

#include <memory>

namespace keel {
namespace {

absl::Status ReturnIfError(const absl::Status& status, bool* reached) {
  KEEL_RETURN_IF_ERROR(status);
  *reached = true;
  return absl::OkStatus();
}

absl::StatusOr<int> Twice(absl::StatusOr<std::unique_ptr<int>> value) {
  KEEL_ASSIGN_OR_RETURN(const std::unique_ptr<int> number, std::move(value));
  return 2 * *number;
}

TEST(StatusMacrosTest, ReturnsAnErrorEarly) {
  bool reached = false;
  EXPECT_EQ(ReturnIfError(absl::AbortedError("x"), &reached),
            absl::AbortedError("x"));
  EXPECT_FALSE(reached);
}

TEST(StatusMacrosTest, GoesOnWhenOk) {
  bool reached = false;
  EXPECT_TRUE(ReturnIfError(absl::OkStatus(), &reached).ok());
  EXPECT_TRUE(reached);
}

TEST(StatusMacrosTest, AssignsValuesThatOnlyMove) {
  EXPECT_EQ(Twice(std::make_unique<int>(21)).value(), 42);
  EXPECT_EQ(Twice(absl::NotFoundError("x")).status(), absl::NotFoundError("x"));
}

}  // namespace
}  // namespace keel
