// gRPC channels to the coordinator.
#ifndef KEEL_WORKER_AGENT_COORDINATOR_CHANNEL_H_
#define KEEL_WORKER_AGENT_COORDINATOR_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"

namespace keel {

struct ChannelOptions {
  // HOST:PORT.
  std::string address = "127.0.0.1:7117";
  // A connection that was silent for this long is probed; one that does not
  // answer within the time-out is given up. The server must allow probes this
  // often (GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS).
  absl::Duration keepalive_time = absl::Seconds(10);
  absl::Duration keepalive_timeout = absl::Seconds(5);
  absl::Duration connect_timeout = absl::Seconds(5);
  absl::Duration max_reconnect_backoff = absl::Seconds(1);
  // An order for thousands of probe sets may exceed gRPC's 4 MiB.
  int max_message_bytes = 64 << 20;

  // INVALID_ARGUMENT: names the field.
  absl::Status Validate() const;
};

// Channels of different purposes never share a connection: a large transfer
// must not stand between the coordinator and the heartbeats.
std::shared_ptr<grpc::Channel> MakeCoordinatorChannel(
    const ChannelOptions& options, const std::string& purpose);

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_COORDINATOR_CHANNEL_H_
