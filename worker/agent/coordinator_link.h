// The worker's one control line: a bidirectional stream that is opened anew
// for as long as the worker lives.
#ifndef KEEL_WORKER_AGENT_COORDINATOR_LINK_H_
#define KEEL_WORKER_AGENT_COORDINATOR_LINK_H_

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "keel/v1/worker.grpc.pb.h"
#include "worker/agent/backoff.h"
#include "worker/agent/coordinator_channel.h"
#include "worker/agent/send_queue.h"
#include "worker/agent/worker_identity.h"

namespace keel {

// Run is the reader's thread; it owns a writer's thread per stream. Stop may
// be called from any thread. `identity`, `send_queue` and `delegate` outlive
// the link.
class CoordinatorLink {
 public:
  struct Options {
    ChannelOptions channel;
    Backoff::Options backoff;
    // Before the coordinator names its own.
    absl::Duration heartbeat_every = absl::Seconds(1);
    // INVALID_ARGUMENT: names the field.
    absl::Status Validate() const;
  };

  // Called by the link's threads; must not block.
  class Delegate {
   public:
    virtual ~Delegate() = default;
    virtual v1::Hello MakeHello() = 0;
    virtual v1::Heartbeat MakeHeartbeat() = 0;
    // On the reader's thread, in order.
    virtual void OnMessage(const v1::CoordinatorMessage& message) = 0;
    // After every stream that had been open or was refused.
    virtual void OnDisconnected(const absl::Status& status) = 0;
  };

  CoordinatorLink(const Options& options, WorkerIdentity& identity,
                  SendQueue& send_queue, Delegate& delegate);

  // Attaches, again and again, until Stop (OK) or until the coordinator
  // refuses this worker for good: ABORTED with reason STALE_INCARNATION or
  // CLUSTER_MISMATCH.
  absl::Status Run();
  // Ends Run. What `send_queue` still hands out is sent first, for at most
  // `grace`. Blocks for that time; once is enough.
  void Stop(absl::Duration grace) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::WorkerMessage, v1::CoordinatorMessage>;

  // False once stopping. A hello says where the worker stands at that moment,
  // so that it is made only once there is a connection for it.
  bool AwaitConnection();
  absl::Status RunStream() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ReadAll(Stream& stream);
  // The writer's thread.
  void WriteAll(Stream& stream);
  bool WriteNext(Stream& stream, absl::Time* next_heartbeat);
  bool Write(Stream& stream, v1::WorkerMessage message);
  absl::Status Receive(const v1::CoordinatorMessage& message)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration heartbeat_every() const ABSL_LOCKS_EXCLUDED(mu_);
  void SetContext(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  WorkerIdentity& identity_;
  SendQueue& send_queue_;
  Delegate& delegate_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;

  absl::Notification stopping_;
  absl::Notification ended_;
  // On the present stream, or on the last one.
  std::atomic<bool> welcomed_ = false;

  mutable absl::Mutex mu_;
  absl::Duration heartbeat_every_ ABSL_GUARDED_BY(mu_);
  // Of the present stream; null without one.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool cut_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_COORDINATOR_LINK_H_
