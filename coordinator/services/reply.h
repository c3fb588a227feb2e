// The last line of a unary method: a value or a status, as gRPC wants it.
#ifndef KEEL_COORDINATOR_SERVICES_REPLY_H_
#define KEEL_COORDINATOR_SERVICES_REPLY_H_

#include <utility>

#include "absl/status/statusor.h"
#include "common/grpc/status.h"

namespace keel {

template <typename Message>
grpc::Status Reply(absl::StatusOr<Message> result, Message* response) {
  if (!result.ok()) return ToGrpcStatus(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_REPLY_H_
