#include "worker/comm/gloo_communicator.h"

#include <gloo/context.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

namespace keel {
namespace {

// c10d's Gloo group cannot be aborted: a member that waits for a stopped peer
// waits for the whole time-out. Closing the sockets under it ends the wait.
class SeverableGloo : public c10d::ProcessGroupGloo {
 public:
  using ProcessGroupGloo::ProcessGroupGloo;

  void Sever() {
    for (const auto& context : contexts_) context->closeConnections();
  }
};

std::shared_ptr<gloo::transport::Device> MakeDevice(
    const GlooOptions& options) {
  return options.interface.empty()
             ? SeverableGloo::createDeviceForHostname(options.address)
             : SeverableGloo::createDeviceForInterface(options.interface);
}

}  // namespace

std::unique_ptr<Communicator> MakeGlooCommunicator(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
    const GlooOptions& options) {
  auto gloo_options = SeverableGloo::Options::create(
      absl::ToChronoMilliseconds(options.connect_timeout));
  gloo_options->devices.push_back(MakeDevice(options));
  auto group = c10::make_intrusive<SeverableGloo>(store, rank, world_size,
                                                  gloo_options);
  group->setTimeout(absl::ToChronoMilliseconds(options.limits.patience));
  return std::make_unique<C10dCommunicator>(group, rank, world_size,
                                            options.limits,
                                            [group] { group->Sever(); });
}

}  // namespace keel
