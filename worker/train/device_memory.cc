#include "worker/train/device_memory.h"

#include <unistd.h>

#include <fstream>

#ifdef KEEL_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace keel {
namespace {

int64_t ResidentBytes() {
  std::ifstream pages("/proc/self/statm");
  int64_t total = 0, resident = 0;
  pages >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

int64_t DeviceMemoryBytes(c10::Device device) {
#ifdef KEEL_CUDA
  if (device.is_cuda()) {
    // The first of the statistics is over all kinds of blocks.
    return c10::cuda::CUDACachingAllocator::getDeviceStats(device.index())
        .reserved_bytes[0]
        .current;
  }
#endif
  return ResidentBytes();
}

}  // namespace keel
