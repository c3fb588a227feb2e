// A group on CPUs, by Gloo over TCP.
#ifndef KEEL_WORKER_COMM_GLOO_COMMUNICATOR_H_
#define KEEL_WORKER_COMM_GLOO_COMMUNICATOR_H_

#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "absl/time/time.h"
#include "worker/comm/c10d_communicator.h"

namespace keel {

struct GlooOptions {
  // Where peers reach this member; not used if `interface` is set.
  std::string address = "127.0.0.1";
  std::string interface;
  // For connecting to all peers.
  absl::Duration connect_timeout = absl::Seconds(4);
  WaitLimits limits;
};

// Blocks until all members are connected. Throws what Gloo throws.
std::unique_ptr<Communicator> MakeGlooCommunicator(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
    const GlooOptions& options);

}  // namespace keel

#endif  // KEEL_WORKER_COMM_GLOO_COMMUNICATOR_H_
