#include "common/grpc/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/reason.h"
#include "common/utf8.h"
#include "keel/v1/error.pb.h"

namespace keel {
namespace {

absl::Status ThereAndBack(const absl::Status& status) {
  return FromGrpcStatus(ToGrpcStatus(status));
}

TEST(GrpcStatusTest, KeepsEveryCodeAndTheMessage) {
  for (int code = 0; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    EXPECT_EQ(static_cast<int>(ToGrpcStatus(status).error_code()), code);
    EXPECT_EQ(ThereAndBack(status), status);
  }
}

TEST(GrpcStatusTest, HasNoDetailsWithoutAReason) {
  EXPECT_EQ(ToGrpcStatus(absl::NotFoundError("x")).error_details(), "");
}

TEST(GrpcStatusTest, CarriesTheReasonAlong) {
  const absl::Status back = ThereAndBack(WithReason(
      absl::AbortedError("stale"), {"STALE_GENERATION", {{"phase", "2"}}}));
  EXPECT_EQ(back.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(back).reason, "STALE_GENERATION");
  EXPECT_EQ(ReasonOf(back).metadata.at("phase"), "2");
}

TEST(GrpcStatusTest, ShapesDetailsAsGoogleRpcStatus) {
  const grpc::Status status = ToGrpcStatus(
      WithReason(absl::NotFoundError("no such stream"), {"NO_STREAM", {}}));
  v1::ErrorStatus error;
  ASSERT_TRUE(error.ParseFromString(status.error_details()));
  EXPECT_EQ(error.code(), 5);
  EXPECT_EQ(error.message(), "no such stream");
  ASSERT_EQ(error.details_size(), 1);
  EXPECT_EQ(error.details(0).type_url(),
            "type.googleapis.com/google.rpc.ErrorInfo");
  v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(error.details(0).value()));
  EXPECT_EQ(info.reason(), "NO_STREAM");
  EXPECT_EQ(info.domain(), "keel");
}

TEST(GrpcStatusTest, IgnoresDetailsOfOthers) {
  v1::ErrorInfo info;
  info.set_reason("THEIRS");
  info.set_domain("example.com");
  v1::ErrorStatus error;
  error.add_details()->set_type_url("type.googleapis.com/google.rpc.Help");
  v1::PackedDetail* detail = error.add_details();
  detail->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  detail->set_value(info.SerializeAsString());
  for (const std::string& details :
       {error.SerializeAsString(), std::string("\xff no message")}) {
    const absl::Status status =
        FromGrpcStatus(grpc::Status(grpc::StatusCode::NOT_FOUND, "x", details));
    EXPECT_EQ(status, absl::NotFoundError("x"));
  }
}

TEST(GrpcStatusTest, CutsWhatATrailerCannotHold) {
  const grpc::Status status =
      ToGrpcStatus(WithReason(absl::InternalError(std::string(100'000, 'x')),
                              {"R", {{"key", std::string(100'000, 'y')}}}));
  EXPECT_LT(status.error_message().size() + status.error_details().size(),
            4096u);
  EXPECT_EQ(ReasonOf(FromGrpcStatus(status)).reason, "R");
}

TEST(GrpcStatusTest, SendsOnlyValidUtf8) {
  const grpc::Status status = ToGrpcStatus(
      WithReason(absl::InternalError("a\xff"), {"R", {{"k", "b\xff"}}}));
  EXPECT_TRUE(IsValidUtf8(status.error_message()));
  EXPECT_EQ(ReasonOf(FromGrpcStatus(status)).metadata.at("k"), "b?");
}

}  // namespace
}  // namespace keel
