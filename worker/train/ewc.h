// Elastic weight consolidation (Kirkpatrick et al., arXiv 1612.00796): what
// mattered to earlier phases is held near the parent's weights.
//
//   P = lambda/2 sum_i F_i (w_i - w*_i)^2
// w* are the parent's weights. A phase's F is the mean, over the steps of its
// last epoch, of the squared gradient of the step's loss: of the whole batch,
// over all members, without P and before clipping. Over phases F is their mean.
// (CTP, train/train_EWC.py, has both means, but squares each rank's own
// gradient.) It grows as batches get smaller.
#ifndef KEEL_WORKER_TRAIN_EWC_H_
#define KEEL_WORKER_TRAIN_EWC_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/model/clip_model.h"

namespace keel {

// Not thread-safe. Tensors are in the order of ClipModel::parameters, on the
// model's device, and equal on all members.
class Ewc {
 public:
  struct Options {
    double lambda = 0;
    // Steps whose gradients make the phase's F: those of the last epoch.
    int64_t first_step = 0;
    int64_t step_count = 0;
  };

  // Without a parent, or without `before`, the parent's F, there is no
  // penalty. `student` outlives it.
  Ewc(const Options& options, const ClipModel& student,
      const std::optional<ClipModel>& parent,
      const std::optional<Fisher>& before);

  // Takes a step's gradients, which are those of the whole batch, and adds
  // P's to them. Returns P, a double scalar on the device; undefined without a
  // parent's Fisher.
  at::Tensor Apply(int64_t step);

  // The sum of squared gradients so far, itself and not a copy: what a resume
  // point has of it.
  const std::vector<at::Tensor>& sums() const { return sums_; }
  void Restore(const std::vector<at::Tensor>& sums);

  // The parent's F, for comparison among members; empty without one.
  std::vector<at::Tensor> before() const;
  // F after the phase.
  Fisher After() const;

 private:
  const Options options_;
  const std::vector<NamedTensor>& parameters_;
  std::vector<at::Tensor> anchor_;
  std::optional<Fisher> before_;
  std::vector<at::Tensor> sums_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EWC_H_
