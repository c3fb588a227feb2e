// The student's way through a step: rows to features, and the features'
// gradients to the parameters'.
//
// With train.micro_batch, features are computed without a graph, so many rows
// at a time; when the loss over the global batch has given their gradients,
// each micro-batch is encoded again with its graph, and goes backward with its
// slice (GradCache: Gao et al., arXiv 2101.06983). The numbers are those of the
// whole batch, the memory that of a micro-batch, the work a third more. That
// needs towers whose rows do not depend on each other, so a step that
// synchronises BatchNorm has one micro-batch only.
#ifndef KEEL_WORKER_TRAIN_STUDENT_PASS_H_
#define KEEL_WORKER_TRAIN_STUDENT_PASS_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "common/plan/phase_schedule.h"
#include "worker/comm/bucket_reducer.h"
#include "worker/model/batch_norm.h"
#include "worker/model/clip_model.h"
#include "worker/seam/config.h"
#include "worker/train/loss_function.h"

namespace keel {

// One for each step. Not thread-safe.
class StudentPass {
 public:
  // `images` and `tokens` are the model's inputs, of as many rows, on its
  // device. With `sync`, BatchNorm takes the group's batch for its statistics;
  // Encode and Backward are collective then, and fail by sync->status().
  // References outlive the pass.
  StudentPass(const ClipModel& model, const TrainConfig& config,
              const at::Tensor& images, at::Tensor tokens,
              BatchNormSyncPtr sync);

  // Of the parameters' type: fp32, in some tests float64.
  const at::Tensor& images() const { return images_; }
  // Fills in the student's features, [n, D], of the parameters' type.
  void Encode(LocalFeatures& features);
  // After Encode: adds to the parameters' gradients, which `reducer` sends on
  // once they are complete.
  void Backward(const LossResult& loss, BucketReducer& reducer);

 private:
  struct Features {
    at::Tensor image;
    at::Tensor text;
  };

  std::vector<Slice> Parts() const;
  Features EncodeRows(const Slice& rows) const;

  const ClipModel& model_;
  const TrainConfig& config_;
  const at::ScalarType type_;
  const at::Tensor images_;
  const at::Tensor tokens_;
  const BatchNormSyncPtr sync_;
  // With their graph, if all rows are encoded at once.
  Features whole_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_STUDENT_PASS_H_
