#include "worker/comm/nccl_communicator.h"

#include <cstdlib>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "absl/strings/str_cat.h"

namespace keel {
namespace {

// c10d reads its error handling from the environment alone. CleanUpOnly: the
// watchdog aborts the communicator and leaves the process to us; the monitor
// and the dumps would end the process.
void SetErrorHandling() {
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING",
         absl::StrCat(c10d::CleanUpOnly).c_str(), 1);
  setenv("TORCH_NCCL_BLOCKING_WAIT", "0", 1);
  setenv("TORCH_NCCL_ENABLE_MONITORING", "0", 1);
  setenv("TORCH_NCCL_DUMP_ON_TIMEOUT", "0", 1);
  setenv("TORCH_NCCL_RETHROW_CUDA_ERRORS", "0", 1);
}

}  // namespace

std::unique_ptr<Communicator> MakeNcclCommunicator(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
    c10::Device device, const WaitLimits& limits) {
  SetErrorHandling();
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
