#include "worker/train/first_member.h"

#include <chrono>
#include <future>

#include "common/status_macros.h"

namespace keel {
namespace {

constexpr std::chrono::seconds kTick(1);

enum Progress : int64_t { kWorking, kDone, kFailed };

// Collective: what member 0 says.
absl::StatusOr<int64_t> Tell(Communicator& communicator, at::Device device,
                             int64_t progress) {
  at::Tensor told =
      at::full({1}, progress, at::device(device).dtype(at::kLong));
  KEEL_RETURN_IF_ERROR(communicator.Broadcast(told, 0));
  return told.item<int64_t>();
}

// What comes of the work does not depend on who still listens.
absl::Status Lead(Communicator& communicator, at::Device device,
                  const std::function<absl::Status()>& work) {
  std::future<absl::Status> end = std::async(std::launch::async, work);
  while (end.wait_for(kTick) != std::future_status::ready) {
    if (!Tell(communicator, device, kWorking).ok()) return end.get();
  }
  const absl::Status status = end.get();
  Tell(communicator, device, status.ok() ? kDone : kFailed)
      .status()
      .IgnoreError();
  Farewell(communicator, device);
  return status;
}

}  // namespace

void Farewell(Communicator& communicator, at::Device device) {
  communicator.AllReduceSum(at::zeros({1}, at::device(device))).IgnoreError();
}

absl::Status RunOnFirstMember(Communicator& communicator, at::Device device,
                              const std::function<absl::Status()>& work) {
  if (communicator.world_size() == 1) return work();
  if (communicator.rank() == 0) return Lead(communicator, device, work);
  while (true) {
    KEEL_ASSIGN_OR_RETURN(const int64_t progress,
                          Tell(communicator, device, kWorking));
    if (progress == kWorking) continue;
    Farewell(communicator, device);
    return progress == kDone
               ? absl::OkStatus()
               : absl::AbortedError("member 0 could not do its part");
  }
}

}  // namespace keel
