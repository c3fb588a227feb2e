// safetensors files: an 8-byte little-endian length, a JSON header, the
// tensors' bytes (github.com/huggingface/safetensors). F64, F32, F16, BF16,
// I64, I32 and U8.
//
// Strict both ways: a file whose offsets overlap, leave holes or do not match
// their shapes is refused, with the file's and the tensor's name. Stateless.
// Errors: NOT_FOUND, RESOURCE_EXHAUSTED (full disk) from the file system;
// INVALID_ARGUMENT for content.
#ifndef KEEL_WORKER_CHECKPOINT_SAFETENSORS_H_
#define KEEL_WORKER_CHECKPOINT_SAFETENSORS_H_

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/model/clip_model.h"

namespace keel {

struct Safetensors {
  // In the order of their bytes.
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;

  // The tensor of that name; NOT_FOUND if there is none.
  absl::StatusOr<at::Tensor> Find(const std::string& name) const;
};

// Reads the whole file, to the CPU.
absl::StatusOr<Safetensors> ReadSafetensors(const std::string& path);

// Writes the file durably, whole or not at all (temporary file, fsync,
// rename). The bytes depend on the arguments' values alone: widest types
// first, then by name. Tensors may live on any device.
absl::Status WriteSafetensors(
    const std::string& path, const std::vector<NamedTensor>& tensors,
    const std::map<std::string, std::string>& metadata = {});

}  // namespace keel

#endif  // KEEL_WORKER_CHECKPOINT_SAFETENSORS_H_
