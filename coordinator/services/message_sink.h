// Where orders to a worker go. Thread-safe; never blocks, so that it may be
// used under the cluster's lock.
#ifndef KEEL_COORDINATOR_SERVICES_MESSAGE_SINK_H_
#define KEEL_COORDINATOR_SERVICES_MESSAGE_SINK_H_

#include <atomic>

#include "keel/v1/worker.pb.h"

namespace keel {

class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Queues a message; drops it if the worker is gone.
  virtual void Send(v1::CoordinatorMessage message) = 0;
  // Ends the worker's stream at once.
  virtual void Cancel() = 0;

  // True while a message from the worker waits to be handled. It was heard of
  // then, however long the wait for the cluster's lock takes.
  bool message_waits() const { return message_waits_; }
  void set_message_waits(bool value) { message_waits_ = value; }

 private:
  std::atomic<bool> message_waits_{false};
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_MESSAGE_SINK_H_
