// Ends a call to the coordinator once its job is to stop, wherever it waits.
#ifndef KEEL_WORKER_AGENT_CANCEL_ON_STOP_H_
#define KEEL_WORKER_AGENT_CANCEL_ON_STOP_H_

#include <thread>

#include "absl/synchronization/notification.h"
#include "grpcpp/client_context.h"

namespace keel {

// Cancels the call of `context` when `stop` is notified while this object
// lives; both outlive it.
class CancelOnStop {
 public:
  CancelOnStop(grpc::ClientContext& context, const absl::Notification& stop);
  ~CancelOnStop();
  CancelOnStop(const CancelOnStop&) = delete;
  CancelOnStop& operator=(const CancelOnStop&) = delete;

 private:
  void Watch();

  grpc::ClientContext& context_;
  const absl::Notification& stop_;
  absl::Notification done_;
  std::thread thread_;
};

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_CANCEL_ON_STOP_H_
