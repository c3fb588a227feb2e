// How much memory training holds.
#ifndef KEEL_WORKER_TRAIN_DEVICE_MEMORY_H_
#define KEEL_WORKER_TRAIN_DEVICE_MEMORY_H_

#include <c10/core/Device.h>

#include <cstdint>

namespace keel {

// Bytes that LibTorch's allocator holds on a GPU; on the CPU the resident
// memory of the process. Thread-safe.
int64_t DeviceMemoryBytes(c10::Device device);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_DEVICE_MEMORY_H_
