// A group on GPUs, by NCCL. Compiled with KEEL_CUDA only.
#ifndef KEEL_WORKER_COMM_NCCL_COMMUNICATOR_H_
#define KEEL_WORKER_COMM_NCCL_COMMUNICATOR_H_

#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "worker/comm/c10d_communicator.h"

namespace keel {

// Makes NCCL use `interface`, or the one that has `address`, by its variable
// NCCL_SOCKET_IFNAME; one that is set already stays, and a loopback address
// leaves the choice to NCCL. NCCL reads it once, for the process's first group.
void SetNcclInterface(const std::string& interface, const std::string& address);

// Blocks until all members are connected. SetC10dEnvironment was called, so
// that an error aborts the communicator and never the process. Throws what
// c10d throws. NCCL does not take two members on one GPU.
std::unique_ptr<Communicator> MakeNcclCommunicator(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
    c10::Device device, const WaitLimits& limits);

}  // namespace keel

#endif  // KEEL_WORKER_COMM_NCCL_COMMUNICATOR_H_
