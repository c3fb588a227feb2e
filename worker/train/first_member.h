// Work that member 0 does while the others wait for it.
#ifndef KEEL_WORKER_TRAIN_FIRST_MEMBER_H_
#define KEEL_WORKER_TRAIN_FIRST_MEMBER_H_

#include <ATen/ATen.h>

#include <functional>

#include "absl/status/status.h"
#include "worker/comm/communicator.h"

namespace keel {

// Collective: nobody closes its connections before all have heard what the
// collective before said. Who has heard it needs no more, so failures do not
// matter.
void Farewell(Communicator& communicator, at::Device device);

// Collective. Member 0 runs `work` in a thread of its own and tells the others
// every second that it still works, however long it takes: waiting for a slow
// upload is no reason to give a member up. Returns work's status on member 0,
// also if the group breaks meanwhile; on the others OK, or ABORTED if the work
// failed or the group broke. `device` is where the communicator's tensors
// live.
absl::Status RunOnFirstMember(Communicator& communicator, at::Device device,
                              const std::function<absl::Status()>& work);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_FIRST_MEMBER_H_
