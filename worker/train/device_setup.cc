#include "worker/train/device_setup.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>

#include <mutex>

#ifdef KEEL_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>
#endif

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "worker/comm/c10d_environment.h"

namespace keel {
namespace {

int GpuCount() {
#ifdef KEEL_CUDA
  return c10::cuda::device_count();
#else
  return 0;
#endif
}

absl::StatusOr<int> GpuNumber(const std::string& name) {
  int number = 0;
  if (name == "auto" || name == "cuda") return number;
  const absl::string_view digits = absl::StripPrefix(name, "cuda:");
  if (!absl::StartsWith(name, "cuda:") || !absl::SimpleAtoi(digits, &number) ||
      number < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "device is auto, cpu, cuda or cuda:N, not \"", name, "\""));
  }
  return number;
}

}  // namespace

absl::StatusOr<c10::Device> ResolveDevice(const std::string& name) {
  if (name == "cpu" || (name == "auto" && GpuCount() == 0)) {
    return c10::Device(c10::kCPU);
  }
  const absl::StatusOr<int> number = GpuNumber(name);
  if (!number.ok()) return number.status();
  if (*number >= GpuCount()) {
    return absl::UnavailableError(absl::StrCat(
        "no device ", name, ": this build sees ", GpuCount(), " GPUs"));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(*number));
}

void SetUpProcess(int threads) {
  SetC10dEnvironment();
  // Only the first call may set the pool between operators.
  static std::once_flag once;
  std::call_once(once, [] { at::set_num_interop_threads(1); });
  at::set_num_threads(threads);
  at::globalContext().setAllowTF32CuDNN(false);
  at::globalContext().setAllowTF32CuBLAS(false);
}

DeviceInfo DescribeDevice(c10::Device device, int threads) {
  DeviceInfo info;
  info.threads = threads;
#ifdef KEEL_CUDA
  if (device.is_cuda()) {
    const cudaDeviceProp* const properties =
        at::cuda::getDeviceProperties(device.index());
    info.device = properties->name;
    info.capability = absl::StrCat(properties->major, ".", properties->minor);
    return info;
  }
#endif
  info.device = "cpu";
  info.capability = at::get_cpu_capability();
  return info;
}

}  // namespace keel
