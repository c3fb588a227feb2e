// Learning without forgetting (Li and Hoiem, arXiv 1606.09282) for CLIP: the
// student's logits over the batch are drawn to those of the parent's model.
#include <memory>

#include "worker/train/method_factories.h"

namespace keel {
namespace {

class Lwf : public Method {
 public:
  explicit Lwf(const MethodConfig& config) {
    options_.logit_alpha = config.alpha;
  }

  bool needs_teacher() const override { return options_.logit_alpha != 0; }
  LossOptions loss_options() const override { return options_; }

 private:
  LossOptions options_;
};

}  // namespace

std::unique_ptr<Method> MakeLwf(const MethodConfig& config, bool has_parent) {
  if (!has_parent) return MakeFinetune(config, has_parent);
  return std::make_unique<Lwf>(config);
}

}  // namespace keel
