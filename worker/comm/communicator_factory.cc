#include "worker/comm/communicator_factory.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/comm/c10d_environment.h"
#include "worker/comm/catch.h"
#include "worker/comm/rendezvous_c10d_store.h"
#ifdef USE_C10D_GLOO
#include "worker/comm/gloo_communicator.h"
#endif
#ifdef KEEL_CUDA
#include "worker/comm/nccl_communicator.h"
#endif

namespace keel {
namespace {

// For the keys of a backend, whose members are all there.
constexpr std::chrono::seconds kStoreTimeout(30);

std::string Prefix(const GroupOptions& options) {
  return absl::StrCat("g", options.generation, "/");
}

// Members come when they have loaded their state; connecting starts when all
// are there, so that its time-out can be short.
absl::Status AwaitMembers(RendezvousStore& store, const GroupOptions& options) {
  const std::string prefix = absl::StrCat(Prefix(options), "here/");
  std::vector<std::string> keys;
  keys.reserve(options.world_size);
  for (int rank = 0; rank < options.world_size; ++rank) {
    keys.push_back(absl::StrCat(prefix, rank));
  }
  KEEL_RETURN_IF_ERROR(store.Set(keys[options.rank], "1"));
  return store.Wait(keys, options.gather_timeout);
}

absl::StatusOr<std::unique_ptr<Communicator>> Connect(
    const c10::intrusive_ptr<c10d::Store>& store, const GroupOptions& options) {
  if (options.device.is_cpu()) {
#ifdef USE_C10D_GLOO
    return MakeGlooCommunicator(store, options.rank, options.world_size,
                                {.address = options.address,
                                 .interface = options.interface,
                                 .connect_timeout = options.connect_timeout,
                                 .limits = options.limits});
#endif
  } else {
#ifdef KEEL_CUDA
    SetNcclInterface(options.interface, options.address);
    return MakeNcclCommunicator(store, options.rank, options.world_size,
                                options.device, options.limits);
#endif
  }
  return absl::UnimplementedError(
      absl::StrCat("this build has no collectives for ", options.device.str()));
}

// Connections are made on first use in places: better now than in a step.
absl::Status WarmUp(Communicator& communicator, c10::Device device) {
  const int world = communicator.world_size();
  const at::Tensor one = at::ones({1, 1}, at::device(device));
  at::Tensor sum = one.clone();
  KEEL_RETURN_IF_ERROR(communicator.Broadcast(sum, 0));
  KEEL_RETURN_IF_ERROR(communicator.AllReduceSum(sum));
  KEEL_ASSIGN_OR_RETURN(
      at::Tensor rows,
      communicator.AllGatherRows(one, std::vector<int64_t>(world, 1)));
  if (sum.item<float>() != world || rows.sum().item<float>() != world) {
    return absl::AbortedError("the group's first collectives are wrong");
  }
  return absl::OkStatus();
}

absl::Status AsAborted(absl::Status status) {
  if (status.ok() || absl::IsUnimplemented(status)) return status;
  return absl::AbortedError(
      absl::StrCat("the group did not form: ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Communicator>> FormGroup(
    RendezvousStore& store, const GroupOptions& options) {
  if (options.world_size == 1) return MakeSoloCommunicator();
  SetC10dEnvironment();
  KEEL_RETURN_IF_ERROR(AsAborted(AwaitMembers(store, options)));
  std::unique_ptr<Communicator> communicator;
  KEEL_RETURN_IF_ERROR(AsAborted(
      CatchStatus(absl::StatusCode::kAborted, "connect", [&]() -> absl::Status {
        auto adapter = c10::make_intrusive<RendezvousC10dStore>(
            store, Prefix(options), kStoreTimeout);
        KEEL_ASSIGN_OR_RETURN(communicator, Connect(adapter, options));
        return WarmUp(*communicator, options.device);
      })));
  return communicator;
}

}  // namespace keel
