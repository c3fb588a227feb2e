// Elastic weight consolidation: plain CLIP, and a pull towards the parent's
// weights (ewc.h).
#include <memory>

#include "worker/train/method_factories.h"

namespace keel {
namespace {

class EwcMethod : public Method {
 public:
  explicit EwcMethod(const MethodConfig& config) : lambda_(config.ewc_lambda) {}

  bool needs_teacher() const override { return false; }
  LossOptions loss_options() const override { return {}; }
  double ewc_lambda() const override { return lambda_; }

 private:
  const double lambda_;
};

}  // namespace

// Also without a parent: the phase's own Fisher diagonal is for the next one.
std::unique_ptr<Method> MakeEwc(const MethodConfig& config, bool) {
  return std::make_unique<EwcMethod>(config);
}

}  // namespace keel
