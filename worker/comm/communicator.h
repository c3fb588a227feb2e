// Collectives of one generation's group: Gloo on CPUs, NCCL on GPUs.
//
// Calls are made in the same order by all members. A peer that is gone, a
// time-out or Abort makes them return ABORTED. Not thread-safe, but Abort may
// be called from any thread at any time.
#ifndef KEEL_WORKER_COMM_COMMUNICATOR_H_
#define KEEL_WORKER_COMM_COMMUNICATOR_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keel {

// A collective that runs in the background.
class PendingCollective {
 public:
  virtual ~PendingCollective() = default;
  // Blocks until the result may be used by the current stream.
  virtual absl::Status Wait() = 0;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Sums `tensor` (contiguous) over the members, in place.
  virtual absl::Status AllReduceSum(at::Tensor tensor) = 0;
  // The same in the background; `tensor` stays untouched until Wait.
  virtual absl::StatusOr<std::unique_ptr<PendingCollective>> StartAllReduceSum(
      at::Tensor tensor) = 0;
  // Rows of all members in rank order. `local` is [rows[rank], D] contiguous;
  // `rows` holds every member's count (they may differ, zero included).
  virtual absl::StatusOr<at::Tensor> AllGatherRows(
      const at::Tensor& local, const std::vector<int64_t>& rows) = 0;
  // Copies `tensor` (contiguous) from member `root` to all, in place.
  virtual absl::Status Broadcast(at::Tensor tensor, int root) = 0;
  virtual void Abort() = 0;
};

// A group of one, without any network.
std::unique_ptr<Communicator> MakeSoloCommunicator();

}  // namespace keel

#endif  // KEEL_WORKER_COMM_COMMUNICATOR_H_
