#include "common/grpc/status.h"

#include <utility>

#include "common/reason.h"
#include "common/string_view.h"
#include "common/utf8.h"
#include "keel/v1/error.pb.h"

namespace keel {
namespace {

constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kDomain[] = "keel";
// gRPC refuses a call whose trailing metadata exceed 8 KiB, and the message
// travels twice, once percent-encoded (three bytes for one).
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxMetadataBytes = 256;

std::string Details(const absl::Status& status, const std::string& message,
                    const Reason& reason) {
  v1::ErrorInfo info;
  info.set_reason(ToValidUtf8(reason.reason, kMaxMetadataBytes));
  info.set_domain(kDomain);
  for (const auto& [key, value] : reason.metadata) {
    (*info.mutable_metadata())[ToValidUtf8(key, kMaxMetadataBytes)] =
        ToValidUtf8(value, kMaxMetadataBytes);
  }
  v1::ErrorStatus error;
  error.set_code(static_cast<int>(status.code()));
  error.set_message(message);
  v1::PackedDetail* detail = error.add_details();
  detail->set_type_url(kErrorInfoUrl);
  detail->set_value(info.SerializeAsString());
  return error.SerializeAsString();
}

// The first of Keel's reasons in `details`; an empty one if there is none.
Reason ReasonIn(const std::string& details) {
  v1::ErrorStatus error;
  if (!error.ParseFromString(details)) return {};
  for (const v1::PackedDetail& detail : error.details()) {
    v1::ErrorInfo info;
    if (detail.type_url() == kErrorInfoUrl &&
        info.ParseFromString(detail.value()) && info.domain() == kDomain) {
      return {info.reason(), {info.metadata().begin(), info.metadata().end()}};
    }
  }
  return {};
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message =
      ToValidUtf8(ToStd(status.message()), kMaxMessageBytes);
  const Reason reason = ReasonOf(status);
  // The canonical codes of Abseil and gRPC are the same numbers.
  return grpc::Status(
      static_cast<grpc::StatusCode>(status.code()), message,
      reason.reason.empty() ? "" : Details(status, message, reason));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
  Reason reason = ReasonIn(status.error_details());
  if (reason.reason.empty()) return result;
  return WithReason(std::move(result), std::move(reason));
}

}  // namespace keel
