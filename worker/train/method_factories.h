// The factories of all methods, one for each method_*.cc.
#ifndef KEEL_WORKER_TRAIN_METHOD_FACTORIES_H_
#define KEEL_WORKER_TRAIN_METHOD_FACTORIES_H_

#include <memory>

#include "worker/seam/config.h"
#include "worker/train/method.h"

namespace keel {

std::unique_ptr<Method> MakeFinetune(const MethodConfig& config,
                                     bool has_parent);
std::unique_ptr<Method> MakeEwc(const MethodConfig& config, bool has_parent);
std::unique_ptr<Method> MakeLwf(const MethodConfig& config, bool has_parent);
std::unique_ptr<Method> MakeModx(const MethodConfig& config, bool has_parent);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_METHOD_FACTORIES_H_
