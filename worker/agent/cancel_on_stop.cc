#include "worker/agent/cancel_on_stop.h"

#include "absl/time/time.h"

namespace keel {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(100);

}  // namespace

CancelOnStop::CancelOnStop(grpc::ClientContext& context,
                           const absl::Notification& stop)
    : context_(context), stop_(stop), thread_([this] { Watch(); }) {}

CancelOnStop::~CancelOnStop() {
  done_.Notify();
  thread_.join();
}

void CancelOnStop::Watch() {
  while (!done_.WaitForNotificationWithTimeout(kLook)) {
    if (!stop_.HasBeenNotified()) continue;
    context_.TryCancel();
    return;
  }
}

}  // namespace keel
