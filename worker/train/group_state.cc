#include "worker/train/group_state.h"

#include <cstring>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status_macros.h"

namespace keel {

absl::StatusOr<std::string> StateDigest(int64_t step,
                                        const std::vector<at::Tensor>& tensors,
                                        const std::function<bool()>& stopped) {
  Sha256 digest;
  digest.Update({reinterpret_cast<const char*>(&step), sizeof(step)});
  for (const at::Tensor& tensor : tensors) {
    if (stopped()) return absl::CancelledError("stopped");
    const at::Tensor host = tensor.detach().cpu().contiguous();
    digest.Update({static_cast<const char*>(host.const_data_ptr()),
                   static_cast<size_t>(host.nbytes())});
  }
  return digest.Finish();
}

absl::Status RequireEqualState(Communicator& communicator,
                               const std::string& digest, at::Device device) {
  const int64_t words = static_cast<int64_t>(digest.size() / sizeof(int64_t));
  at::Tensor mine = at::empty({words}, at::kLong);
  std::memcpy(mine.mutable_data_ptr(), digest.data(), digest.size());
  mine = mine.to(device);
  at::Tensor first = mine.clone();
  KEEL_RETURN_IF_ERROR(communicator.Broadcast(first, 0));
  at::Tensor differing = (first != mine).any().to(at::kLong).reshape({1});
  KEEL_RETURN_IF_ERROR(communicator.AllReduceSum(differing));
  const int64_t count = differing.item<int64_t>();
  if (count == 0) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(count, " of ", communicator.world_size(),
                   " members hold another state than member 0"));
}

}  // namespace keel
