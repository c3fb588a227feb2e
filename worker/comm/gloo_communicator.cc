#include "worker/comm/gloo_communicator.h"

#include <chrono>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <vector>

#include "worker/comm/catch.h"

namespace keel {
namespace {

using c10d::ProcessGroupGloo;

// A tag that no other point-to-point operation has: there are none.
constexpr int kSeverTag = 1;

// c10d's Gloo group cannot be aborted: a member that waits for a stopped peer
// waits for the whole time-out, and so does the group's destructor. But Gloo
// fails all connections of a group when one operation on them runs out of
// time, which ends all waits here and at the peers. So one does. On a
// connection that is closed already it fails at once and closes nothing else,
// so every peer is tried.
void Sever(ProcessGroupGloo& group) {
  for (int peer = 0; peer < group.getSize(); ++peer) {
    if (peer == group.getRank()) continue;
    const absl::Status status =
        Catch(absl::StatusCode::kAborted, "sever", [&group, peer] {
          std::vector<at::Tensor> never = {at::zeros({1})};
          group.recv(never, peer, kSeverTag)
              ->wait(std::chrono::milliseconds(1));
        });
    // It has failed, as it was meant to.
    status.IgnoreError();
  }
}

std::shared_ptr<gloo::transport::Device> MakeDevice(
    const GlooOptions& options) {
  return options.interface.empty()
             ? ProcessGroupGloo::createDeviceForHostname(options.address)
             : ProcessGroupGloo::createDeviceForInterface(options.interface);
}

}  // namespace

std::unique_ptr<Communicator> MakeGlooCommunicator(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int world_size,
    const GlooOptions& options) {
  auto gloo_options = ProcessGroupGloo::Options::create(
      absl::ToChronoMilliseconds(options.connect_timeout));
  gloo_options->devices.push_back(MakeDevice(options));
  auto group = c10::make_intrusive<ProcessGroupGloo>(store, rank, world_size,
                                                     gloo_options);
  group->setTimeout(absl::ToChronoMilliseconds(options.limits.patience));
  return std::make_unique<C10dCommunicator>(
      group, rank, world_size, options.limits, [group] { Sever(*group); });
}

}  // namespace keel
