// The collectives of a group over a c10d backend, which Gloo and NCCL share.
#ifndef KEEL_WORKER_COMM_C10D_COMMUNICATOR_H_
#define KEEL_WORKER_COMM_C10D_COMMUNICATOR_H_

#include <c10/util/intrusive_ptr.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/comm/communicator.h"

namespace c10d {
class Backend;
class Work;
}  // namespace c10d

namespace keel {

// How long a member waits for the others in one collective.
struct WaitLimits {
  // A peer may well be slow: it fetches chunks, or its device is weaker. How
  // long is too long is the coordinator's to say (--stall-after), without which
  // no other group could form anyway; this is a number for the backends.
  absl::Duration patience = absl::Hours(24 * 365);
  // True to give up after having waited that long, because the member was told
  // to leave; empty: never. Called from the waiting thread, does not block.
  std::function<bool(absl::Duration waited)> give_up;
};

// Thread-safety as Communicator's. After a failure the group is broken for
// good: its connections are closed and every later call returns ABORTED.
class C10dCommunicator : public Communicator {
 public:
  // `sever` closes the backend's connections, so that no thread of it goes on
  // waiting for a peer; it may be called from any thread, more than once.
  C10dCommunicator(c10::intrusive_ptr<c10d::Backend> backend, int rank,
                   int world_size, WaitLimits limits,
                   std::function<void()> sever);
  ~C10dCommunicator() override;

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }
  // On GPUs the host waits too, so an OK says that the collective, and all
  // before it, succeeded.
  absl::Status AllReduceSum(at::Tensor tensor) override;
  absl::StatusOr<std::unique_ptr<PendingCollective>> StartAllReduceSum(
      at::Tensor tensor) override;
  absl::StatusOr<at::Tensor> AllGatherRows(
      const at::Tensor& local, const std::vector<int64_t>& rows) override;
  absl::Status Broadcast(at::Tensor tensor, int root) override;
  void Abort() override;

 private:
  class Pending;
  using Launch = std::function<c10::intrusive_ptr<c10d::Work>()>;

  absl::StatusOr<c10::intrusive_ptr<c10d::Work>> Start(const char* what,
                                                       const Launch& launch);
  // Starts a collective and awaits it.
  absl::Status Run(const char* what, const Launch& launch);
  // Blocks until `work` has ended, successfully or not, within the limits.
  absl::Status Await(const char* what, c10d::Work& work);
  absl::Status Broken(const char* what) const;

  const c10::intrusive_ptr<c10d::Backend> backend_;
  const int rank_;
  const int world_size_;
  const WaitLimits limits_;
  const std::function<void()> sever_;
  std::atomic<bool> broken_{false};
  // Collectives that were started and not awaited to their end.
  int unfinished_ = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_COMM_C10D_COMMUNICATOR_H_
