// What every member must know of the others' rows before a step.
#ifndef KEEL_WORKER_TRAIN_ROW_EXCHANGE_H_
#define KEEL_WORKER_TRAIN_ROW_EXCHANGE_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/accounting_hash.h"
#include "worker/comm/communicator.h"
#include "worker/data/sample_loader.h"
#include "worker/seam/job.h"

namespace keel {

struct GroupRows {
  // Rows of each member, in rank order.
  std::vector<int64_t> counts;
  // Samples of all members that did not decode, in rank order.
  std::vector<StruckSample> struck;

  int64_t total() const;
};

// Collective: every member gives as many numbers; element i of the result
// holds number i of each member, in rank order.
absl::StatusOr<std::vector<std::vector<int64_t>>> GatherNumbers(
    Communicator& communicator, const std::vector<int64_t>& mine,
    at::Device device);

// Collective. Reasons longer than 32 bytes are cut. `device` is where the
// communicator's tensors live.
absl::StatusOr<GroupRows> ExchangeRows(Communicator& communicator,
                                       const LoadedRows& rows,
                                       at::Device device);

// The accounting hash of rows that enter the loss in `epoch`.
AccountingHash HashOfRows(uint64_t key, int epoch, const LoadedRows& rows);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_ROW_EXCHANGE_H_
