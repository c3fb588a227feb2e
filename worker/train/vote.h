// The vote: the last collective of a step, which makes it be applied by all
// members or by none.
#ifndef KEEL_WORKER_TRAIN_VOTE_H_
#define KEEL_WORKER_TRAIN_VOTE_H_

#include <ATen/ATen.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/plan/accounting_hash.h"
#include "worker/comm/communicator.h"

namespace keel {

// What one member says of its part of the step; summed, what all say.
struct Ballot {
  // Members whose loss or gradients have an infinity or a NaN.
  int64_t non_finite = 0;
  // Rows that entered the loss.
  int64_t rows = 0;
  // Of the rows that entered the loss; sums wrap around.
  AccountingHash hash;
  // Members that are to leave at the end of this step.
  int64_t stop_requests = 0;
};

struct VoteResult {
  Ballot sum;
  // Everything is finite: the step counts.
  bool complete = false;
  // 1 if the step is not to be applied, else 0: a float scalar on the device,
  // made there from the summed ballot.
  at::Tensor skip;
};

// Collective: the sum is there only if every member voted. `finite` is a
// boolean scalar on `device` that is added to the ballot there. ABORTED as the
// communicator says.
absl::StatusOr<VoteResult> CastVote(Communicator& communicator,
                                    const Ballot& ballot,
                                    const at::Tensor& finite);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_VOTE_H_
