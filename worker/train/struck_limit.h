// How many samples of an epoch may fail to decode before the phase fails. A
// sample that is replayed several times in an epoch counts once.
#ifndef KEEL_WORKER_TRAIN_STRUCK_LIMIT_H_
#define KEEL_WORKER_TRAIN_STRUCK_LIMIT_H_

#include <cstdint>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "worker/seam/job.h"

namespace keel {

// Not thread-safe. Every member counts all members' samples, so all fail at
// the same step. A member that joins in mid-epoch counts from its first step.
class StruckLimit {
 public:
  // `max_fraction` of an epoch's `sample_count` samples may be struck.
  StruckLimit(double max_fraction, int64_t sample_count);

  // Counts a step's struck samples. FAILED_PRECONDITION, with counts and the
  // first reasons, once the epoch has too many.
  absl::Status Count(int epoch, const std::vector<StruckSample>& struck);

 private:
  const double max_fraction_;
  const int64_t sample_count_;
  int epoch_ = -1;
  std::set<int64_t> struck_;
  std::vector<StruckSample> first_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_STRUCK_LIMIT_H_
