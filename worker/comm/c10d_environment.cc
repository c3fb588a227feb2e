#include "worker/comm/c10d_environment.h"

#include <signal.h>

#include <cstdlib>
#include <mutex>

namespace keel {
namespace {

struct Variable {
  const char* name;
  const char* value;
};

constexpr Variable kVariables[] = {
    {"TORCH_FR_BUFFER_SIZE", "0"},
    // c10d::ErrorHandlingMode::CleanUpOnly.
    {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "2"},
    {"TORCH_NCCL_BLOCKING_WAIT", "0"},
    {"TORCH_NCCL_ENABLE_MONITORING", "0"},
    {"TORCH_NCCL_DUMP_ON_TIMEOUT", "0"},
    {"TORCH_NCCL_RETHROW_CUDA_ERRORS", "0"},
};

}  // namespace

void SetC10dEnvironment() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (const Variable& variable : kVariables) {
      setenv(variable.name, variable.value, /*overwrite=*/1);
    }
    signal(SIGPIPE, SIG_IGN);
  });
}

}  // namespace keel
