// Sums gradients over a group while the backward pass still runs.
//
// Parameters are cut into buckets by their order and sizes alone, so every
// member, every step and every restart sums in the same order. Gradients are
// views into flat buckets. As backward fills the last gradient of a bucket,
// and all buckets before it are on their way, its SUM all-reduce starts. Where
// backward has collectives of its own, buckets wait for its end: members whose
// backward differs, because one has no rows, would start them between others.
#ifndef KEEL_WORKER_COMM_BUCKET_REDUCER_H_
#define KEEL_WORKER_COMM_BUCKET_REDUCER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "worker/comm/communicator.h"

namespace keel {

// Indexes of the parameters of each bucket, in the order of the reduction:
// from the last parameter to the first, as backward reaches them. A bucket is
// closed once it holds `bucket_bytes`; a parameter of that size or more has a
// bucket of its own.
std::vector<std::vector<size_t>> AssignBuckets(
    const std::vector<at::Tensor>& parameters, int64_t bucket_bytes);

// Not thread-safe: backward's thread and the caller's take turns. One for
// each generation.
class BucketReducer {
 public:
  static constexpr int64_t kBucketBytes = int64_t{25} << 20;

  // `parameters` are leaves of one dtype on one device that require a
  // gradient; the reducer gives each its gradient and a hook, and takes both
  // away in its destructor. `communicator` outlives the reducer.
  BucketReducer(Communicator& communicator, std::vector<at::Tensor> parameters,
                int64_t bucket_bytes = kBucketBytes);
  ~BucketReducer();
  BucketReducer(const BucketReducer&) = delete;
  BucketReducer& operator=(const BucketReducer&) = delete;

  // Sets all gradients to zero. Backward may follow. Without `overlap` no sum
  // starts before Finish.
  void Prepare(bool overlap = true);
  // While on, backward only adds to the gradients: another backward follows,
  // and no bucket is sent before it. Off after Prepare.
  void set_accumulating(bool accumulating) { accumulating_ = accumulating; }
  // Waits for the sums; parameters that backward did not reach count as zero.
  // ABORTED: a peer is gone, and gradients are in no defined state.
  absl::Status Finish();

  // The flat gradients, for norms and checks.
  std::vector<at::Tensor> flat_gradients() const;
  // Bytes that one step sends through the all-reduce.
  int64_t bytes() const { return bytes_; }

 private:
  class Hook;
  struct Bucket {
    std::vector<size_t> parameters;
    at::Tensor flat;
    size_t missing = 0;
    std::unique_ptr<PendingCollective> pending;
  };

  void AddBucket(std::vector<size_t> indexes);
  void GradientReady(size_t bucket);
  void LaunchNext();

  Communicator& communicator_;
  const std::vector<at::Tensor> parameters_;
  std::vector<Bucket> buckets_;
  int64_t bytes_ = 0;

  // State of one step.
  bool overlap_ = true;
  size_t next_ = 0;
  bool accumulating_ = false;
  absl::Status status_;
};

}  // namespace keel

#endif  // KEEL_WORKER_COMM_BUCKET_REDUCER_H_
