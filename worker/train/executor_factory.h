// Makes the training half of a worker; free of LibTorch's headers.
#ifndef KEEL_WORKER_TRAIN_EXECUTOR_FACTORY_H_
#define KEEL_WORKER_TRAIN_EXECUTOR_FACTORY_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/metrics/registry.h"
#include "worker/seam/executor.h"

namespace keel {

struct ExecutorOptions {
  // Threads of the CPU's operators; part of what bit-equal runs share.
  int threads = 1;
  // "auto": a GPU if the build and the machine have one; "cpu"; "cuda";
  // "cuda:N".
  std::string device = "auto";
  // Host name or address at which the group's peers reach this worker; not
  // used if collective_interface is set.
  std::string collective_address = "127.0.0.1";
  // Network interface to use in its place, such as "eth1".
  std::string collective_interface;
  // How long a member that drains waits for its peers in a collective, besides
  // three of its slowest steps. It ends no other collective.
  absl::Duration collective_timeout = absl::Seconds(5);
  // Decoded crops kept in memory during a phase.
  int64_t crop_cache_bytes = int64_t{512} << 20;
  // Embeddings of the teacher kept in memory during a phase.
  int64_t teacher_cache_bytes = int64_t{256} << 20;

  // INVALID_ARGUMENT names the field.
  absl::Status Validate() const;
};

// Sets the process's thread counts and numeric modes. `metrics` outlives the
// executor. INVALID_ARGUMENT: the options; UNAVAILABLE: the device is not
// there.
absl::StatusOr<std::unique_ptr<Executor>> MakeExecutor(
    const ExecutorOptions& options, Metrics& metrics);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EXECUTOR_FACTORY_H_
