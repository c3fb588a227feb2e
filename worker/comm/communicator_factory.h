// Forms the group of a generation.
#ifndef KEEL_WORKER_COMM_COMMUNICATOR_FACTORY_H_
#define KEEL_WORKER_COMM_COMMUNICATOR_FACTORY_H_

#include <c10/core/Device.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/comm/c10d_communicator.h"
#include "worker/comm/communicator.h"
#include "worker/seam/environment.h"

namespace keel {

struct GroupOptions {
  int64_t generation = 0;
  int rank = 0;
  int world_size = 1;
  // Decides the backend: Gloo for the CPU, NCCL for a GPU.
  c10::Device device = c10::Device(c10::kCPU);
  // Where peers reach this member; the interface goes first.
  std::string address = "127.0.0.1";
  std::string interface;
  // For the slowest member to come: it may have files to fetch first. Closing
  // the store ends the wait.
  absl::Duration gather_timeout = absl::InfiniteDuration();
  // Of Gloo, which nothing can cut short: less than what a member that is told
  // to leave has (Agent::Options::min_cancel_grace).
  absl::Duration connect_timeout = absl::Seconds(4);
  WaitLimits limits;
};

// Blocks until every member is there and one collective of each kind has run.
// A group of one needs neither store nor network. `store` outlives the
// communicator. ABORTED: the store was closed, a member did not come or its
// connection failed; UNIMPLEMENTED: a device that this build cannot serve.
absl::StatusOr<std::unique_ptr<Communicator>> FormGroup(
    RendezvousStore& store, const GroupOptions& options);

}  // namespace keel

#endif  // KEEL_WORKER_COMM_COMMUNICATOR_FACTORY_H_
