// What a training method adds to plain contrastive training.
//
// A method is one file with a factory, and one line in method.cc's table.
// Thread-safe: constant after construction.
#ifndef KEEL_WORKER_TRAIN_METHOD_H_
#define KEEL_WORKER_TRAIN_METHOD_H_

#include <memory>

#include "absl/status/statusor.h"
#include "worker/seam/config.h"
#include "worker/train/loss.h"

namespace keel {

class Method {
 public:
  virtual ~Method() = default;
  // Whether the loss needs the parent's embeddings of each batch, computed
  // without gradients.
  virtual bool needs_teacher() const = 0;
  virtual LossOptions loss_options() const = 0;
  // Weight of the pull towards the parent's weights (ewc.h); 0: none, and no
  // Fisher diagonal is made.
  virtual double ewc_lambda() const { return 0; }
};

// The method that `config` names. Without a parent checkpoint there is no
// teacher, so methods that need one train as `finetune` does. INVALID_ARGUMENT
// names the method that there is not, or the field.
absl::StatusOr<std::unique_ptr<Method>> MakeMethod(const MethodConfig& config,
                                                   bool has_parent);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_METHOD_H_
