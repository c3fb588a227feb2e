#include "worker/train/method.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "worker/train/method_factories.h"

namespace keel {
namespace {

using Factory = std::unique_ptr<Method> (*)(const MethodConfig&, bool);

constexpr std::pair<std::string_view, Factory> kMethods[] = {
    {"finetune", MakeFinetune},
    {"modx", MakeModx},
    {"lwf", MakeLwf},
    {"ewc", MakeEwc},
    // Its plan and its parent make it what it is.
    {"joint", MakeFinetune},
};

absl::Status Validate(const MethodConfig& config) {
  if (!std::isfinite(config.alpha) || config.alpha < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "method.alpha is ", config.alpha, ", not a number of at least 0"));
  }
  if (!std::isfinite(config.kl_temperature) || config.kl_temperature <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("method.kl_temperature is ",
                                                   config.kl_temperature,
                                                   ", not a number above 0"));
  }
  if (!std::isfinite(config.ewc_lambda) || config.ewc_lambda <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "method.ewc_lambda is ", config.ewc_lambda, ", not a number above 0"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Method>> MakeMethod(const MethodConfig& config,
                                                   bool has_parent) {
  KEEL_RETURN_IF_ERROR(Validate(config));
  for (const auto& [name, factory] : kMethods) {
    if (name == config.name) return factory(config, has_parent);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no method \"", config.name, "\""));
}

}  // namespace keel
