// The one place that turns absl::Status into grpc::Status and back.
//
// A machine-readable reason travels as an absl payload (WithReason) and on the
// wire as keel.v1.ErrorStatus in `grpc-status-details-bin`.
#ifndef KEEL_COMMON_GRPC_STATUS_H_
#define KEEL_COMMON_GRPC_STATUS_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace keel {

grpc::Status ToGrpcStatus(const absl::Status& status);
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace keel

#endif  // KEEL_COMMON_GRPC_STATUS_H_
