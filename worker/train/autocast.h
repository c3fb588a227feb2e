// Runs matrix products in bfloat16 while it lives.
#ifndef KEEL_WORKER_TRAIN_AUTOCAST_H_
#define KEEL_WORKER_TRAIN_AUTOCAST_H_

#include <ATen/core/Tensor.h>

namespace keel {

// For the thread that makes it; does nothing unless `enabled`. Parameters and
// their gradients stay in fp32.
class Autocast {
 public:
  Autocast(at::Device device, bool enabled);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  const at::DeviceType device_;
  const bool enabled_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_AUTOCAST_H_
