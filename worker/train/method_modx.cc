// Mod-X (Ni et al., arXiv 2305.07437): the student's similarities are held to
// those of the parent's model, where that model is right.
#include <memory>

#include "worker/train/method_factories.h"

namespace keel {
namespace {

class Modx : public Method {
 public:
  explicit Modx(const MethodConfig& config) {
    options_.alpha = config.alpha;
    options_.kl_reduction = config.kl_reduction;
    options_.kl_temperature = config.kl_temperature;
    options_.kl_diagonal = config.kl_diagonal;
    options_.screening = config.screening;
    options_.ties = config.ties;
  }

  bool needs_teacher() const override { return options_.alpha != 0; }
  LossOptions loss_options() const override { return options_; }

 private:
  LossOptions options_;
};

}  // namespace

std::unique_ptr<Method> MakeModx(const MethodConfig& config, bool has_parent) {
  if (!has_parent) return MakeFinetune(config, has_parent);
  return std::make_unique<Modx>(config);
}

}  // namespace keel
