// Indexes and checks a WebDataset shard while its bytes stream in.
//
// A sample is the run of neighbouring entries that share a key (the path up to
// the first dot of the base name): one image (.jpg .jpeg .png .webp) and its
// captions (.txt: one; .json: "caption", a string, and "captions", a list).
// Other extensions are ignored. A bad sample is left out by reason and costs
// no other sample (common/shard does the work and lists the reasons).
#ifndef KEEL_COORDINATOR_INGEST_CHUNK_INDEXER_H_
#define KEEL_COORDINATOR_INGEST_CHUNK_INDEXER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/shard/shard_indexer.h"
#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// Reason (common/reason.h) of a chunk of which nothing can be trained; its
// metadata are the counts by the samples' reasons.
inline constexpr std::string_view kNoUsableSample = "NO_USABLE_SAMPLE";

// Most bytes of a chunk's index, as it is stored: a million samples of five
// captions each. Coordinator and workers hold indexes in memory, in which they
// take several times as much.
inline constexpr int64_t kMaxIndexBytes = int64_t{256} << 20;
// Reason of a chunk whose index is larger.
inline constexpr std::string_view kIndexTooLarge = "INDEX_TOO_LARGE";

struct IndexedChunk {
  storage::v1::ChunkIndex index;
  v1::SampleCounts counts;
  // The first 100.
  std::vector<v1::RejectedSample> rejected;
};

// Not thread-safe. Memory is bounded by one entry's limit, and the index.
// Limits that are not set take their defaults (common/shard/shard_types.h).
class ChunkIndexer {
 public:
  explicit ChunkIndexer(const v1::LimitsConfig& limits,
                        int64_t max_index_bytes = kMaxIndexBytes);

  // Takes the next bytes of the tar, of any length.
  // INVALID_ARGUMENT: no tar, or a structure that cannot be read on (reason
  // TAR_MALFORMED, names the offset), too many samples (TOO_MANY_SAMPLES), or
  // too large an index (INDEX_TOO_LARGE); the chunk is to be refused. An error
  // is final.
  absl::Status Consume(std::string_view data);
  // To be called once. INVALID_ARGUMENT: the tar is cut short
  // (TAR_TRUNCATED), or has not one usable sample (NO_USABLE_SAMPLE), or as
  // Consume.
  absl::StatusOr<IndexedChunk> Finish(const std::string& chunk_digest);

 private:
  // Adds the samples that the shard's indexer has finished.
  absl::Status Add(const std::vector<ShardSample>& samples);

  ShardIndexer indexer_;
  const int64_t max_index_bytes_;
  int64_t index_bytes_ = 0;
  IndexedChunk chunk_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_INGEST_CHUNK_INDEXER_H_
