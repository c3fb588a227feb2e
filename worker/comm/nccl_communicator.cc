#include "worker/comm/nccl_communicator.h"

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

namespace keel {

std::unique_ptr<Communicator> MakeNcclCommunicator(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
    c10::Device device, const WaitLimits& limits) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = absl::ToChronoMilliseconds(limits.patience);
  auto group = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank,
                                                           world_size, options);
  group->setBoundDeviceId(device);
  group->eagerConnectSingleDevice(device);
  return std::make_unique<C10dCommunicator>(group, rank, world_size, limits,
                                            [group] { group->abort(); });
}

}  // namespace keel
