#include "worker/comm/nccl_communicator.h"

#include <cstdlib>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "worker/comm/network_interface.h"

namespace keel {

void SetNcclInterface(const std::string& interface,
                      const std::string& address) {
  const std::string name = interface.empty() ? InterfaceOf(address) : interface;
  if (name.empty() || (interface.empty() && name == "lo")) return;
  // '=': this very name, not all that begin with it.
  setenv("NCCL_SOCKET_IFNAME", ("=" + name).c_str(), /*overwrite=*/0);
}

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
