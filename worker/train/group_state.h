// Do the members of a new group hold the same state, bit for bit?
#ifndef KEEL_WORKER_TRAIN_GROUP_STATE_H_
#define KEEL_WORKER_TRAIN_GROUP_STATE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/comm/communicator.h"

namespace keel {

// SHA-256, as 32 raw bytes, of `step` and of the tensors' bytes in order.
// CANCELLED: `stopped`, which is asked before each tensor, said true.
absl::StatusOr<std::string> StateDigest(int64_t step,
                                        const std::vector<at::Tensor>& tensors,
                                        const std::function<bool()>& stopped);

// Collective: compares every member's digest with member 0's. ABORTED on all
// members, with the number that differ, unless all are equal. `device` is
// where the communicator's tensors live.
absl::Status RequireEqualState(Communicator& communicator,
                               const std::string& digest, at::Device device);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_GROUP_STATE_H_
