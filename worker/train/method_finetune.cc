// Plain continual training: the contrastive loss alone.
#include <memory>

#include "worker/train/method_factories.h"

namespace keel {
namespace {

class Finetune : public Method {
 public:
  bool needs_teacher() const override { return false; }
  LossOptions loss_options() const override { return {}; }
};

}  // namespace

std::unique_ptr<Method> MakeFinetune(const MethodConfig&, bool) {
  return std::make_unique<Finetune>();
}

}  // namespace keel
