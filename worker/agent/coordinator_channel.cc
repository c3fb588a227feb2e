#include "worker/agent/coordinator_channel.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace keel {
namespace {

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

absl::Status ChannelOptions::Validate() const {
  if (address.rfind(':') == std::string::npos || address.back() == ':') {
    return absl::InvalidArgumentError(
        absl::StrCat("coordinator: want HOST:PORT, have \"", address, "\""));
  }
  if (keepalive_time <= absl::ZeroDuration() ||
      keepalive_timeout <= absl::ZeroDuration() ||
      connect_timeout <= absl::ZeroDuration() ||
      max_reconnect_backoff <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("coordinator: times must be positive");
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> MakeCoordinatorChannel(
    const ChannelOptions& options, const std::string& purpose) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   Milliseconds(options.keepalive_time));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   Milliseconds(options.keepalive_timeout));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   Milliseconds(options.connect_timeout));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   Milliseconds(options.max_reconnect_backoff));
  // Equal channels share a connection; another argument makes them unequal.
  arguments.SetString("keel.purpose", purpose);
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  return grpc::CreateCustomChannel(
      options.address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace keel
