// One Attach stream: the handler's thread reads, a thread of the session
// writes what the outbox holds. A message that cannot be written ends the
// stream. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_WORKER_SESSION_H_
#define KEEL_COORDINATOR_SERVICES_WORKER_SESSION_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "coordinator/services/message_sink.h"
#include "coordinator/services/outbox.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/sync_stream.h"

namespace keel {

class WorkerSession : public MessageSink {
 public:
  using Stream =
      grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>;

  // `context` and `stream` outlive the call of Finish.
  WorkerSession(std::string cluster_id, grpc::ServerContext* context,
                Stream* stream);
  ~WorkerSession() override;

  void Send(v1::CoordinatorMessage message) override;
  void Cancel() override;
  // Sends what is queued, as long as the worker reads it within a moment, and
  // lets go of context and stream. The handler calls it before it returns.
  void Finish();

 private:
  void WriteLoop();

  const std::string cluster_id_;
  Stream* const stream_;
  Outbox outbox_;
  absl::Notification written_;
  absl::Mutex mu_;
  grpc::ServerContext* context_ ABSL_GUARDED_BY(mu_);
  std::thread writer_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_WORKER_SESSION_H_
