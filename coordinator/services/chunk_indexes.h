// Indexes of chunks that are stored. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_CHUNK_INDEXES_H_
#define KEEL_COORDINATOR_SERVICES_CHUNK_INDEXES_H_

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/ingest/chunk_indexer.h"
#include "coordinator/store/blob_store.h"

namespace keel {

// Makes the index of the chunk from its stored bytes. Errors as BlobStore::Read
// and ChunkIndexer.
absl::StatusOr<IndexedChunk> IndexStoredChunk(BlobStore& blobs,
                                              const std::string& digest,
                                              const v1::LimitsConfig& limits);

// The chunk's index; one that is missing or damaged is made and stored anew.
// DATA_LOSS, NOT_FOUND: the chunk's own bytes are, too.
absl::StatusOr<storage::v1::ChunkIndex> ReadChunkIndex(
    BlobStore& blobs, const storage::v1::ChunkRecord& chunk,
    const v1::LimitsConfig& limits);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_CHUNK_INDEXES_H_
