// BatchNorm of an image tower (Ioffe and Szegedy, arXiv 1502.03167), with the
// statistics that were learnt, or with those of a batch that the members of a
// group share.
//
// Momentum 0.1, epsilon 1e-5 and the unbiased running variance are those of
// torch.nn.BatchNorm2d. The mean and then the centred squares are summed over
// the group with the true counts, so slices may be uneven or empty.
#ifndef KEEL_WORKER_MODEL_BATCH_NORM_H_
#define KEEL_WORKER_MODEL_BATCH_NORM_H_

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "worker/model/linear.h"

namespace keel {

struct BatchNorm {
  Affine affine;  // [C] each
  at::Tensor running_mean;
  at::Tensor running_var;
  at::Tensor batches;  // how many were seen: an int64 scalar
};

// One pass over a batch, forward and backward, by one member of a group.
//
// Each layer costs two all-reduces forward and one backward. All members run
// the same layers, those without rows too, so forward these come in one order.
// Backward they come in the order in which autograd reaches the layers, the
// same on all members as their graphs are the same. Nothing else may use the
// communicator meanwhile. Not thread-safe.
class BatchNormSync : public torch::CustomClassHolder {
 public:
  // Sums a contiguous tensor over the members, in place; returns once it is
  // there.
  using Sum = std::function<absl::Status(const at::Tensor&)>;

  // `sum` is valid until backward is over.
  explicit BatchNormSync(Sum sum) : sum_(std::move(sum)) {}

  // Collective. [n, C, H, W] -> the same, normalised over the group's rows;
  // differentiable, once. The gradients of weight and bias are those of this
  // member's rows: their sum over the group is the batch's.
  at::Tensor Normalize(const at::Tensor& x, const BatchNorm& layer);

  // The first failure of a sum, forward or backward: results are of no use.
  const absl::Status& status() const { return status_; }

  // Takes the batch into the running statistics of all layers, once. `skip` is
  // a float scalar on their device: at 1 nothing changes.
  void Commit(const at::Tensor& skip);

 private:
  friend class SyncedNorm;
  struct Staged {
    BatchNorm layer;
    at::Tensor mean;
    at::Tensor variance;  // unbiased
    at::Tensor count;
  };

  void SumOverGroup(const at::Tensor& tensor);

  const Sum sum_;
  absl::Status status_;
  std::vector<Staged> staged_;
};
using BatchNormSyncPtr = c10::intrusive_ptr<BatchNormSync>;

// `x` [n, C, H, W], normalised by the batch of `sync`, or if that is null by
// the layer's running statistics, which stay as they are.
at::Tensor Normalize(const at::Tensor& x, const BatchNorm& layer,
                     const BatchNormSyncPtr& sync);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_BATCH_NORM_H_
