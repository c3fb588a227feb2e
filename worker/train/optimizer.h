// AdamW with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101)
// over a model's parameters, in fused kernels.
#ifndef KEEL_WORKER_TRAIN_OPTIMIZER_H_
#define KEEL_WORKER_TRAIN_OPTIMIZER_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/model/clip_model.h"
#include "worker/seam/config.h"

namespace keel {

// Not thread-safe. Biases, norms, the class embedding and the logit scale are
// exempt from decay unless the configuration says decay_all. After each update
// the logit scale is kept within [0, ln 100].
class AdamW {
 public:
  // `model` outlives the optimizer; moments start at zero.
  AdamW(const ClipModel& model, const TrainConfig& config);

  // One update with the parameters' gradients. `skip` is a float scalar on the
  // model's device: at 1 nothing changes, decided on the device, at 0 the
  // update happens.
  void Step(double learning_rate, const at::Tensor& skip);

  // Takes the state of a resume point; `phase_step` is not the optimizer's.
  void Restore(const TrainerState& state);
  // The moments themselves, not copies.
  const std::vector<at::Tensor>& exp_avg() const { return exp_avg_; }
  const std::vector<at::Tensor>& exp_avg_sq() const { return exp_avg_sq_; }
  // Updates so far; waits for the device.
  int64_t step_count() const;

 private:
  // Indexes of the parameters that share a weight decay.
  struct Group {
    std::vector<size_t> members;
    double weight_decay = 0;
  };

  void StepGroup(const Group& group, double learning_rate,
                 const at::Tensor& skip);

  const ClipModel& model_;
  const TrainConfig config_;
  std::vector<Group> groups_;
  std::vector<at::Tensor> exp_avg_;
  std::vector<at::Tensor> exp_avg_sq_;
  at::Tensor steps_;  // float scalar on the device
};

// The Euclidean norm of all elements, a double scalar on their device.
at::Tensor GlobalNorm(const std::vector<at::Tensor>& tensors);
// Scales the tensors in place so that their norm is at most `limit`.
void ClipToNorm(const std::vector<at::Tensor>& tensors, const at::Tensor& norm,
                double limit);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_OPTIMIZER_H_
