#include "coordinator/client/client.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/client/error_text.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace keel {
namespace {

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A peer that vanished without a word is noticed within half a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // A watch may hear nothing for hours.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Histograms of many phases make long replies.
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

Client::Client(const Options& options)
    : options_(options),
      channel_(Connect(options.address)),
      streams_(v1::StreamService::NewStub(channel_)),
      phases_(v1::PhaseService::NewStub(channel_)),
      checkpoints_(v1::CheckpointService::NewStub(channel_)),
      workers_(v1::WorkerService::NewStub(channel_)) {}

absl::Status Client::Explain(absl::Status status) const {
  if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) {
    return status;
  }
  return WithPrefix(
      absl::StrCat("no answer from the coordinator at ", options_.address),
      status);
}

void Client::SetDeadline(grpc::ClientContext& context,
                         absl::Duration extra) const {
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.timeout + extra));
}

}  // namespace keel
