// A shard on this machine's disk: its usable samples, with the places of their
// bytes.
#ifndef KEEL_WORKER_TRAIN_LOCAL_SHARD_H_
#define KEEL_WORKER_TRAIN_LOCAL_SHARD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/shard/shard_indexer.h"

namespace keel {

// INVALID_ARGUMENT: not a tar; else the file system's errors.
absl::StatusOr<ShardIndex> IndexLocalShard(const std::string& path);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_LOCAL_SHARD_H_
