// Makes WebDataset shards of images and a table of captions.
#ifndef KEEL_COORDINATOR_CLIENT_PACKER_H_
#define KEEL_COORDINATOR_CLIENT_PACKER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

struct PackOptions {
  // Folder that the paths in the table are relative to.
  std::string images;
  // The table (caption_list.h).
  std::string captions;
  // Folder of the shards; created.
  std::string out;
  int64_t samples_per_shard = 10'000;
  // Called with samples packed and samples in all.
  std::function<void(int64_t done, int64_t total)> progress;
};

struct PackResult {
  int64_t sample_count = 0;
  int64_t byte_count = 0;
  // Paths, in order.
  std::vector<std::string> shards;
};

// Writes shard-000000.tar and so on. Samples keep the table's order; a key is
// the sample's number and its path ("00000012-birds-owl"). One caption becomes
// a .txt entry, several a .json one ({"captions": [...]}). The same input
// makes the same bytes. Everything is checked before the first byte is written.
// Blocks. INVALID_ARGUMENT and NOT_FOUND name the line of the table;
// FAILED_PRECONDITION: the folder holds shards already.
absl::StatusOr<PackResult> Pack(const PackOptions& options);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_PACKER_H_
