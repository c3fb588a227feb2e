// keel_manifest.json: what a checkpoint is, where it comes from, and the
// digests of its files (docs/formats/checkpoint.md).
#ifndef KEEL_WORKER_CHECKPOINT_MANIFEST_H_
#define KEEL_WORKER_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/seam/config.h"

namespace keel {

// What the trainer knows of a checkpoint.
struct ManifestInfo {
  std::string stream;
  int phase = 0;
  int attempt = 0;
  // Phase of the parent checkpoint; -1: random weights.
  int parent = -1;
  std::vector<std::string> chunk_digests;
  std::string plan_digest;
  // Committed steps of the phase.
  int64_t step = 0;
  StreamConfig config;
  // Where it differs from its profile.
  std::vector<ConfigDeviation> deviations;
  // What bit-equal runs share.
  int world_size = 1;
  int threads = 1;
  std::string device;
  std::string capability;
  // Mean of the Fisher diagonal that lies beside the weights, if one does.
  std::optional<double> mean_fisher;
};

struct ManifestFile {
  std::string name;
  int64_t size_bytes = 0;
  std::string sha256;  // 64 hexadecimal digits

  bool operator==(const ManifestFile&) const = default;
};

// The manifest's text, one field a line.
std::string ManifestJson(const ManifestInfo& info,
                         const std::vector<ManifestFile>& files);

// The files that a manifest lists. INVALID_ARGUMENT: not a manifest.
absl::StatusOr<std::vector<ManifestFile>> ManifestFiles(std::string_view json);

}  // namespace keel

#endif  // KEEL_WORKER_CHECKPOINT_MANIFEST_H_
