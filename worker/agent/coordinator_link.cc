#include "worker/agent/coordinator_link.h"

#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/grpc/status.h"
#include "common/log.h"
#include "common/reason.h"
#include "common/status_macros.h"

namespace keel {
namespace {

constexpr absl::Duration kConnectionCheck = absl::Milliseconds(100);
constexpr absl::Duration kTellAfter = absl::Seconds(1);

// True if no other try can change the answer.
bool IsFatal(const absl::Status& status) {
  if (!absl::IsAborted(status)) return false;
  const std::string reason = ReasonOf(status).reason;
  return reason == "STALE_INCARNATION" || reason == "CLUSTER_MISMATCH";
}

}  // namespace

absl::Status CoordinatorLink::Options::Validate() const {
  KEEL_RETURN_IF_ERROR(channel.Validate());
  KEEL_RETURN_IF_ERROR(backoff.Validate());
  if (heartbeat_every <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("heartbeat_every must be positive");
  }
  return absl::OkStatus();
}

CoordinatorLink::CoordinatorLink(const Options& options,
                                 WorkerIdentity& identity,
                                 SendQueue& send_queue, Delegate& delegate)
    : options_(options),
      identity_(identity),
      send_queue_(send_queue),
      delegate_(delegate),
      channel_(MakeCoordinatorChannel(options.channel, "control")),
      stub_(v1::WorkerService::NewStub(channel_)),
      heartbeat_every_(options.heartbeat_every) {}

bool CoordinatorLink::AwaitConnection() {
  const absl::Time start = SteadyNow();
  bool told = false;
  while (!stopping_.HasBeenNotified()) {
    if (channel_->WaitForConnected(
            absl::ToChronoTime(absl::Now() + kConnectionCheck))) {
      return true;
    }
    if (!told && SteadyNow() > start + kTellAfter) {
      LogWarning("the coordinator cannot be reached; tries on",
                 {{"coordinator", options_.channel.address}});
      told = true;
    }
  }
  return false;
}

absl::Status CoordinatorLink::Run() {
  Backoff backoff(options_.backoff);
  absl::Status status;
  while (AwaitConnection()) {
    status = RunStream();
    if (IsFatal(status) || stopping_.HasBeenNotified()) break;
    LogWarning("the line to the coordinator broke",
               {{"error", status.ToString()}});
    if (welcomed_) backoff.Reset();
    stopping_.WaitForNotificationWithTimeout(backoff.Next());
  }
  ended_.Notify();
  return IsFatal(status) ? status : absl::OkStatus();
}

void CoordinatorLink::SetContext(grpc::ClientContext* context) {
  absl::MutexLock lock(&mu_);
  context_ = context;
  if (cut_ && context != nullptr) context->TryCancel();
}

absl::Status CoordinatorLink::RunStream() {
  welcomed_ = false;
  grpc::ClientContext context;
  const auto stream = stub_->Attach(&context);
  SetContext(&context);
  send_queue_.BeginStream();
  v1::WorkerMessage hello;
  *hello.mutable_hello() = delegate_.MakeHello();
  absl::Status received;
  if (Write(*stream, std::move(hello))) {
    std::thread writer([this, &stream] { WriteAll(*stream); });
    received = ReadAll(*stream);
    if (!received.ok()) context.TryCancel();
    send_queue_.EndStream();
    writer.join();
  } else {
    send_queue_.EndStream();
  }
  absl::Status status = FromGrpcStatus(stream->Finish());
  SetContext(nullptr);
  if (!received.ok()) status = received;
  if (status.ok()) status = absl::UnavailableError("the stream was closed");
  delegate_.OnDisconnected(status);
  return status;
}

absl::Status CoordinatorLink::ReadAll(Stream& stream) {
  v1::CoordinatorMessage message;
  while (stream.Read(&message)) KEEL_RETURN_IF_ERROR(Receive(message));
  return absl::OkStatus();
}

absl::Status CoordinatorLink::Receive(const v1::CoordinatorMessage& message) {
  KEEL_RETURN_IF_ERROR(identity_.JoinCluster(message.cluster_id()));
  if (message.has_welcome()) {
    welcomed_ = true;
    const auto& every = message.welcome().heartbeat_every();
    const absl::Duration duration =
        absl::Seconds(every.seconds()) + absl::Nanoseconds(every.nanos());
    absl::MutexLock lock(&mu_);
    if (duration > absl::ZeroDuration()) heartbeat_every_ = duration;
  }
  delegate_.OnMessage(message);
  return absl::OkStatus();
}

absl::Duration CoordinatorLink::heartbeat_every() const {
  absl::MutexLock lock(&mu_);
  return heartbeat_every_;
}

bool CoordinatorLink::Write(Stream& stream, v1::WorkerMessage message) {
  message.set_cluster_id(identity_.cluster_id());
  message.set_incarnation(identity_.incarnation());
  return stream.Write(message);
}

bool CoordinatorLink::WriteNext(Stream& stream, absl::Time* next_heartbeat) {
  if (SteadyNow() >= *next_heartbeat) {
    *next_heartbeat = SteadyNow() + heartbeat_every();
    v1::WorkerMessage message;
    *message.mutable_heartbeat() = delegate_.MakeHeartbeat();
    // A new worker learns the cluster's id from the welcome.
    if (welcomed_ && !Write(stream, std::move(message))) return false;
  }
  absl::StatusOr<v1::WorkerMessage> message = send_queue_.Next(*next_heartbeat);
  if (absl::IsDeadlineExceeded(message.status())) return true;
  return message.ok() && Write(stream, *std::move(message));
}

void CoordinatorLink::WriteAll(Stream& stream) {
  absl::Time next_heartbeat = SteadyNow() + heartbeat_every();
  while (WriteNext(stream, &next_heartbeat)) {
  }
  stream.WritesDone();
}

void CoordinatorLink::Stop(absl::Duration grace) {
  if (!stopping_.HasBeenNotified()) stopping_.Notify();
  if (ended_.WaitForNotificationWithTimeout(grace)) return;
  absl::MutexLock lock(&mu_);
  cut_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

}  // namespace keel
