// Names of weights in files that OpenCLIP loads too.
#ifndef KEEL_WORKER_CHECKPOINT_TENSOR_NAMES_H_
#define KEEL_WORKER_CHECKPOINT_TENSOR_NAMES_H_

#include <vector>

#include "worker/model/clip_model.h"

namespace keel {

// `tensors` by the names and in the shapes of OpenCLIP's CLIP class. Beside its
// own it knows
// - OpenAI's files: the same names, and the sizes input_resolution,
//   context_length and vocab_size, which are left out;
// - a model saved by DistributedDataParallel: every name begins with "module.";
// - CustomTextCLIP: the text tower's names begin with "text.";
// - a logit_scale of one axis.
// What else there is keeps its name.
std::vector<NamedTensor> WithOpenClipNames(std::vector<NamedTensor> tensors);

}  // namespace keel

#endif  // KEEL_WORKER_CHECKPOINT_TENSOR_NAMES_H_
