// The device that this process computes on, and the modes it computes in.
#ifndef KEEL_WORKER_TRAIN_DEVICE_SETUP_H_
#define KEEL_WORKER_TRAIN_DEVICE_SETUP_H_

#include <c10/core/Device.h>

#include <string>

#include "absl/status/statusor.h"
#include "worker/seam/executor.h"

namespace keel {

// Of "auto", "cpu", "cuda" or "cuda:N". INVALID_ARGUMENT: another word;
// UNAVAILABLE: the build or the machine has no such device.
absl::StatusOr<c10::Device> ResolveDevice(const std::string& name);
// Sets the process's threads and turns off what makes fp32 less than fp32.
// May be called again.
void SetUpProcess(int threads);
DeviceInfo DescribeDevice(c10::Device device, int threads);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_DEVICE_SETUP_H_
