#include "coordinator/services/worker_session.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log.h"

namespace keel {
namespace {

constexpr size_t kMaxQueuedBytes = 64 << 20;
constexpr absl::Duration kDrainTime = absl::Seconds(2);

}  // namespace

WorkerSession::WorkerSession(std::string cluster_id,
                             grpc::ServerContext* context, Stream* stream)
    : cluster_id_(std::move(cluster_id)),
      stream_(stream),
      outbox_(kMaxQueuedBytes),
      context_(context),
      writer_([this] { WriteLoop(); }) {}

WorkerSession::~WorkerSession() { Finish(); }

void WorkerSession::Send(v1::CoordinatorMessage message) {
  message.set_cluster_id(cluster_id_);
  if (!outbox_.Push(std::move(message))) Cancel();
}

void WorkerSession::Cancel() {
  outbox_.Close();
  absl::MutexLock lock(&mu_);
  if (context_ != nullptr) context_->TryCancel();
}

void WorkerSession::Finish() {
  outbox_.Close();
  if (!written_.WaitForNotificationWithTimeout(kDrainTime)) Cancel();
  if (writer_.joinable()) writer_.join();
  absl::MutexLock lock(&mu_);
  context_ = nullptr;
}

void WorkerSession::WriteLoop() {
  while (std::optional<v1::CoordinatorMessage> message = outbox_.Pop()) {
    if (!stream_->Write(*message)) {
      LogWarning("a message was not sent, the worker's stream is over",
                 {{"bytes", absl::StrCat(message->ByteSizeLong())}});
      // gRPC has ended the stream, also if the message was too large.
      break;
    }
  }
  outbox_.Close();
  written_.Notify();
}

}  // namespace keel
